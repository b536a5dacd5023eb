test_that("fixed effects have Wald intervals", {
  fit <- our_fit("slope")
  ours <- intervals(fit, which = "fixed")$fixed
  expect_equal(ours[, c("lower", "upper")],
    rbind(c(238.02914, 264.78107), c(7.437594, 13.496978)), tolerance = 1e-6, ignore_attr = TRUE)
  wide <- intervals(fit, which = "fixed", df = 17, level = 0.99)$fixed
  expect_equal(wide[, "upper"] - wide[, "est."], qt(0.995, 17) * sqrt(diag(vcov(fit))))
  expect_named(intervals(fit, which = "fixed"), "fixed")
})

test_that("intervals of the variance parameters are nlme's", {
  theirs <- nlme::intervals(nlme::lme(Reaction ~ Days, sleepstudy, ~ Days | Subject,
    control = nlme::lmeControl(tolerance = 1e-10, msTol = 1e-12)))
  ours <- intervals(our_fit("slope"))
  expect_equal(unname(ours$reStruct$Subject), unname(as.matrix(theirs$reStruct$Subject)),
    tolerance = 2e-2)
  expect_equal(unname(ours$sigma), as.vector(theirs$sigma), tolerance = 2e-3)
})

test_that("they are symmetric where they should be", {
  fit <- our_fit("three")
  ours <- intervals(fit, which = "var-cov")
  expect_named(ours$reStruct, c("Subject", "Subject.1", "h"))
  both <- do.call(rbind, c(ours$reStruct, list(ours$sigma)))
  log_se <- variance_parameters(fit, "log")$std_error
  sds <- !is.na(variance_parameters(fit)$var1) & is.na(variance_parameters(fit)$var2)
  expect_equal(unname(log(both[sds, "upper"] / both[sds, "lower"])),
    2 * qnorm(0.975) * log_se[sds])
  expect_true(all(both[, "lower"] < both[, "est."] & both[, "est."] < both[, "upper"]))
})

test_that("a singular term has no limits", {
  ours <- intervals(our_fit("singular"))
  expect_equal(unname(ours$reStruct$Batch[1, ]), c(NA, 0, NA))
  expect_false(anyNA(ours$sigma))
  expect_output(print(ours), "Batch")
  expect_error(intervals(our_fit("slope"), which = "none"), class = "rlmm_bad_argument")
})
