test_that("the row has the published values", {
  ours <- fit_statistics(our_fit("slope"))
  published <- c(logLik = -871.814136, AIC = 1755.628272, AICc = 1756.113821, BIC = 1774.786013,
    REMLcrit = 1743.628272, ICC = 0.721658, R2_conditional = 0.79922, R2_marginal = 0.278652,
    RMSE = 23.438056, sigma = 25.591816)
  expect_equal(unlist(ours[names(published)]), published, tolerance = 1e-5)
  expect_equal(ours$df_residual, 174)
  expect_equal(ours$nobs, 180)
  expect_equal(nrow(ours), 1)
})

test_that("it agrees with the extractors", {
  for (name in c("slope_ml", "three", "weighted", "deficient", "exclude")) {
    fit <- our_fit(name)
    ours <- fit_statistics(fit)
    expect_equal(ours$AIC, AIC(fit))
    expect_equal(ours$BIC, BIC(fit))
    expect_equal(ours$df, attr(logLik(fit), "df"))
    expect_equal(ours$deviance, deviance(fit, REML = FALSE))
  }
})

test_that("variances by term add up over the rows", {
  fit <- our_fit("three")
  ours <- variance_partition(fit)
  expect_equal(ours$source, c("Fixed effects", "Subject", "Subject.1", "h", "Residual"))
  Z <- as.matrix(getME(fit, "Z"))
  V <- sigma(fit)^2 * tcrossprod(Z %*% as.matrix(getME(fit, "Lambda")))
  expect_equal(sum(ours$variance[2:4]), mean(diag(V)))
  expect_equal(ours$variance[1], var(drop(model.matrix(fit) %*% fixef(fit))))
  expect_equal(sum(ours$proportion), 1)
  statistics <- fit_statistics(fit)
  expect_equal(sum(ours$proportion[1:4]), statistics$R2_conditional)
  expect_equal(ours$proportion[1], statistics$R2_marginal)
  adjusted <- variance_partition(fit, fixed = FALSE)
  expect_equal(sum(adjusted$proportion[1:3]), statistics$ICC)
})

test_that("rows of weight zero do not count", {
  d <- method_data()
  d$w[1:7] <- 0
  d$Reaction[1:7] <- 1e4
  fit <- rlmm(Reaction ~ Days + (Days | Subject), d, weights = w)
  without <- rlmm(Reaction ~ Days + (Days | Subject), d[-(1:7), ], weights = w)
  expect_equal(fit_statistics(fit), fit_statistics(without), tolerance = 1e-6)
})
