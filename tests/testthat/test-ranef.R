test_that("random effects and their covariances are lme4's", {
  for (name in c("slope", "slope_ml", "split", "three", "weighted", "pastes", "exclude", "poly",
    "insteval")) {
    ours <- ranef(our_fit(name))
    theirs <- nlme::ranef(lme4_fit(name), condVar = TRUE)
    expect_named(ours, names(theirs))
    for (group in names(ours)) {
      expect_equal(as.matrix(ours[[group]]), as.matrix(theirs[[group]]),
        tolerance = 1e-3, label = name)
      expect_equal(attr(ours[[group]], "postVar"), attr(theirs[[group]], "postVar"),
        tolerance = 1e-3, label = name, ignore_attr = "dimnames")
    }
  }
})

test_that("the long data frame is lme4's", {
  for (name in c("slope", "three")) {
    expect_equal(as.data.frame(ranef(our_fit(name))),
      as.data.frame(nlme::ranef(lme4_fit(name))), tolerance = 1e-3)
  }
  expect_named(as.data.frame(ranef(our_fit("slope"), condVar = FALSE)),
    c("grpvar", "term", "grp", "condval"))
})

test_that("drop, whichel and condVar do as they say", {
  fit <- our_fit("penicillin")
  expect_named(ranef(fit, whichel = "sample"), "sample")
  expect_named(ranef(fit, whichel = 2), "sample")
  expect_error(ranef(fit, whichel = "plaid"), class = "rlmm_unknown_name")
  dropped <- ranef(fit, drop = TRUE)$sample
  expect_named(dropped, LETTERS[1:6])
  expect_length(attr(dropped, "postVar"), 6)
  expect_null(attr(ranef(fit, condVar = FALSE)$sample, "postVar"))
  expect_equal(as.data.frame(ranef(fit, drop = TRUE)), as.data.frame(ranef(fit)))
})

test_that("coef adds the fixed effects, as lme4 does", {
  for (name in c("slope", "split", "three", "penicillin", "deficient")) {
    ours <- coef(our_fit(name))
    theirs <- coef(lme4_fit(name))
    expect_named(ours, names(theirs))
    for (group in names(ours)) {
      expect_equal(as.matrix(ours[[group]]), as.matrix(theirs[[group]]),
        tolerance = 1e-3, label = name)
    }
  }
  fit <- rlmm(Reaction ~ 1 + (Days | Subject), sleepstudy)
  expect_named(coef(fit)$Subject, c("Days", "(Intercept)"))
  expect_equal(coef(fit)$Subject$Days, ranef(fit)$Subject$Days)
})

test_that("they print as plain data frames", {
  expect_output(print(ranef(our_fit("slope"))), "postVar")
  shown <- capture.output(print(coef(our_fit("slope"))))
  expect_false(any(grepl("attr", shown)))
})
