skip_if_not_installed("lmtest")

test_that("tests of coefficients are those of the summary", {
  fit <- interop_fits("weighted")$ours
  table <- lmtest::coeftest(fit)
  test <- coefficient_tests(fit, "Satterthwaite")
  expect_equal(unclass(table), as.matrix(test[c("estimate", "std_error", "statistic", "p")]),
    ignore_attr = TRUE)
  expect_equal(attr(table, "df"), test$df, ignore_attr = TRUE)
  normal <- lmtest::coeftest(fit, df = Inf)
  expect_equal(normal[, 4], 2 * pnorm(-abs(normal[, 3])))
  expect_equal(colnames(normal)[3], "z value")
  expect_output(print(table), "t test of coefficients")
  limits <- lmtest::coefci(fit, "dosenone", level = 0.9, df = 100)
  expect_equal(as.vector(limits),
    fixef(fit)[["dosenone"]] + qt(c(0.05, 0.95), 100) * sqrt(vcov(fit)["dosenone", "dosenone"]))
  expect_equal(colnames(limits), c("5 %", "95 %"))
})

test_that("another covariance can be given", {
  fit <- interop_fits("slope")$ours
  doubled <- lmtest::coeftest(fit, vcov. = function(x, k) k^2 * vcov(x), k = 2)
  expect_equal(doubled[, 2], 2 * lmtest::coeftest(fit)[, 2])
  expect_equal(lmtest::coeftest(fit, vcov. = 4 * vcov(fit))[, 2], doubled[, 2])
})

test_that("models are compared", {
  compared <- function(x) lmtest::lrtest(update(x, . ~ . - Days, REML = FALSE),
    update(x, REML = FALSE))
  expect_as_lmer(data.frame(compared(x)), "slope")
  without <- list(cake = . ~ . - recipe:temperature, weighted = . ~ . - log(Days + 1),
    deficient = . ~ . - recipe:temperature, penicillin = . ~ . - (1 | plate))
  for (name in names(without)) {
    smaller <- without[[name]]
    expect_as_lmer(data.frame(lmtest::lrtest(update(x, REML = FALSE),
      update(x, smaller, REML = FALSE))), name)
  }
  expect_as_lmer(data.frame(lmtest::lrtest(x, "Days")), "slope")
})

test_that("estimates, standard errors and t values are lmer's", {
  take <- function(table) unclass(table)[, 1:3, drop = FALSE]
  # lmtest fails on lmer fits: lme4's own summary instead
  table <- function(x) if (inherits(x, "rlmm")) lmtest::coeftest(x) else coef(summary(x))
  expect_as_lmer(table(x), take = take)
  limits <- function(x) {
    if (inherits(x, "rlmm")) return(lmtest::coefci(x, df = Inf))
    confint(x, parm = "beta_", method = "Wald")
  }
  expect_as_lmer(limits(x))
})

# The sum of the clusters' scores, from lme4's parts and with a dense covariance matrix.
clustered <- function(x, cluster) {
  X <- model.matrix(x)
  ZL <- t(as.matrix(lme4::getME(x, "Lambdat") %*% lme4::getME(x, "Zt")))
  W <- solve(sigma(x)^2 * (tcrossprod(ZL) + diag(1 / weights(x))))
  bread <- solve(t(X) %*% W %*% X)
  e <- W %*% (lme4::getME(x, "y") - X %*% lme4::fixef(x))
  scores <- rowsum(X * as.vector(e), as.integer(cluster))
  bread %*% crossprod(scores) %*% bread
}

test_that("sandwich gives what follows from lmer's fit, by clubSandwich or by hand", {
  skip_if_not_installed("sandwich")
  clusters <- list(slope = "Subject", cake = c("recipe", "replicate"), weighted = "Subject",
    deficient = c("recipe", "replicate"))
  for (name in names(clusters)) {
    cluster <- function(x) interaction(model.frame(x)[clusters[[name]]], drop = TRUE)
    robust <- function(x) {
      if (!inherits(x, "rlmm")) return(clustered(x, cluster(x)))
      sandwich::vcovCL(x, cluster(x), type = "HC0", cadjust = FALSE)
    }
    expect_as_lmer(robust(x), name, tolerance = 1e-3)
  }
  skip_if_not_installed("clubSandwich")
  theirs <- interop_fits("slope")$theirs
  expect_equal(sandwich::vcovCL(interop_fits("slope")$ours, interop_sleep$Subject, type = "HC0",
    cadjust = FALSE), as.matrix(clubSandwich::vcovCR(theirs, type = "CR0")), tolerance = 1e-4,
    ignore_attr = TRUE)
  # crossed factors, which clubSandwich refuses: one row is one cluster
  crossed <- interop_fits("penicillin")$ours
  rows <- sandwich::vcovCL(crossed, seq_len(nobs(crossed)), type = "HC0", cadjust = FALSE)
  expect_equal(rows, sandwich::sandwich(crossed))
})

test_that("what sandwich cannot do with a mixed model is an error", {
  skip_if_not_installed("sandwich")
  fit <- interop_fits("slope")$ours
  expect_rlmm_error(sandwich::vcovHC(fit), "no_counterpart", "independent rows", "CR2")
  expect_rlmm_error(sandwich::vcovBS(fit), "no_counterpart", "bootMer")
})
