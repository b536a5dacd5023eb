test_that("print has lme4's layout", {
  for (name in c("slope", "slope_ml", "split", "three", "penicillin", "weighted", "insteval")) {
    expect_equal(layout_of(capture.output(print(our_fit(name)))),
      layout_of(capture.output(print(lme4_fit(name)))), label = name)
  }
  expect_output(print(our_fit("slope")), "fit by REML ['rlmm']", fixed = TRUE)
  expect_output(print(our_fit("slope_ml")), "fit by maximum likelihood ['rlmm']", fixed = TRUE)
  expect_output(print(our_fit("slope")), "REML criterion at convergence: 1743.628", fixed = TRUE)
})

test_that("print says what was dropped, and gives its argument back", {
  expect_output(out <- print(our_fit("deficient")), "Days2")
  expect_identical(out, our_fit("deficient"))
  expect_output(print(our_fit("slope"), ranef.comp = "Variance"), "Variance")
})

test_that("data that stand in the call itself do not fill the screen", {
  fit <- do.call(rlmm, list(Reaction ~ Days + (1 | Subject), sleepstudy))
  expect_lt(length(capture.output(print(fit))), 20)
})
