# rePCA() against lme4's, up to the signs of the components.

test_that("components are lme4's", {
  for (name in c("slope", "split", "three", "poly", "pastes", "penicillin", "factor_left")) {
    ours <- rePCA(our_fit(name))
    theirs <- lme4::rePCA(lme4_fit(name))
    expect_s3_class(ours, c("rlmm_repca", "prcomplist"), exact = TRUE)
    expect_setequal(names(ours), names(theirs))
    for (group in names(theirs)) {
      expect_s3_class(ours[[group]], "prcomp", exact = TRUE)
      expect_equal(ours[[group]]$sdev, theirs[[group]]$sdev, tolerance = 1e-4)
      expect_equal(abs(unname(ours[[group]]$rotation)), abs(theirs[[group]]$rotation),
        tolerance = 1e-3)
      expect_equal(unname(summary(ours)[[group]]$importance),
        unname(summary(theirs)[[group]]$importance), tolerance = 1e-4)
    }
  }
})

test_that("components make up the covariance", {
  fit <- our_fit("slope")
  parts <- rePCA(fit)$Subject
  S <- parts$rotation %*% diag(parts$sdev^2) %*% t(parts$rotation)
  expect_equal(S, crossprod(t(lambda_list(fit)[[1]])), ignore_attr = TRUE)
  expect_equal(rownames(parts$rotation), c("(Intercept)", "Days"))
})

test_that("either package's generic serves either fit", {
  expect_equal(lme4::rePCA(our_fit("slope")), rePCA(our_fit("slope")))
  expect_equal(rePCA(lme4_fit("slope")), lme4::rePCA(lme4_fit("slope")))
  expect_rlmm_error(rePCA(1), "no_method")
})

test_that("the printed forms name the groups", {
  expect_output(print(rePCA(our_fit("slope"))), "Random effects of Subject")
  expect_output(print(summary(rePCA(our_fit("slope")))), "Proportion of Variance")
})
