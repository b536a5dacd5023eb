# Choosing among the parameters of a profile.

test_that("a profile's intervals are chosen by number, name and kind", {
  fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
  pr <- profile(fit)
  all <- confint(pr)
  expect_identical(confint(pr, "beta_"), all[c("(Intercept)", "Days"), ])
  expect_identical(confint(pr, "theta_"), all[c(".sig01", ".sig02", ".sig03", ".sigma"), ])
  expect_identical(confint(pr, c("Days", "theta_", ".sigma")), all[c(1:4, 6), ])
  expect_identical(confint(pr, c(6, 4)), all[c(4, 6), ])
  expect_rlmm_error(confint(pr, "x"), "unknown_name", "'x'", "'.sig01'")
  expect_rlmm_error(confint(pr, 9), "unknown_name")
  named <- profile(fit, signames = FALSE)
  expect_identical(unname(confint(named, "theta_")), unname(confint(pr, "theta_")))
  random <- profile(fit, which = "theta_")
  expect_rlmm_error(confint(random, "beta_"), "unknown_name", "'beta_'")
})
