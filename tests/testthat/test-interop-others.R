# By hand, what marginaleffects does: numeric derivatives of predictions by the coefficients.
test_that("predictions obey new coefficients, as marginaleffects needs it", {
  fit <- our_fit("three")
  grid <- data.frame(Days = c(0, 9), z = 0.5, Subject = "308", h = "a")
  predicted <- function(beta, ...) {
    get_predict.rlmm(set_coef.rlmm(fit, beta), grid, ...)$estimate
  }
  beta <- get_coef.rlmm(fit)
  expect_equal(predicted(beta), unname(predict(fit, grid)))
  gradient <- sapply(seq_along(beta), function(k) {
    step <- replace(numeric(3), k, 1)
    (predicted(beta + step, re.form = NA) - predicted(beta - step, re.form = NA)) / 2
  })
  expect_equal(gradient, cbind(1, c(0, 9), 0.5), ignore_attr = TRUE)
  se <- sqrt(diag(gradient %*% get_vcov.rlmm(fit) %*% t(gradient)))
  expect_equal(se, unname(predict(fit, grid, re.form = NA, se.fit = TRUE)$se.fit))
  expect_equal(predict(set_coef.rlmm(fit, rev(beta)), grid), predict(fit, grid))
  expect_rlmm_error(set_coef.rlmm(fit, c(a = 1)), "newparams", "Days")
  expect_equal(get_predict.rlmm(fit, cbind(grid, rowid = 7:8))$rowid, 7:8)
})

test_that("covariances by name", {
  fit <- our_fit("three")
  expect_null(get_vcov.rlmm(fit, FALSE))
  expect_equal(get_vcov.rlmm(fit, TRUE), vcov(fit))
  expect_equal(get_vcov.rlmm(fit, "kenward-roger"), vcov_for_tests(fit, "Kenward-Roger"))
  expect_equal(get_vcov.rlmm(fit, function(x) 2 * vcov(x)), 2 * vcov(fit))
  expect_rlmm_error(get_vcov.rlmm(fit, "HC3"), "bad_argument", "kenward-roger")
})

test_that("the class is admitted once", {
  before <- options(marginaleffects_model_classes = "other")
  on.exit(options(before))
  admit_to_marginaleffects()
  admit_to_marginaleffects()
  expect_equal(getOption("marginaleffects_model_classes"), c("other", "rlmm"))
})

test_that("what MuMIn asks for", {
  fit <- our_fit("slope")
  expect_equal(as.vector(r.squaredGLMM.rlmm(fit)), c(0.278652, 0.79922), tolerance = 1e-5)
  expect_equal(coeffs.rlmm(fit), fixef(fit))
  table <- coefTable.rlmm(fit)
  expect_equal(table[, "df"], c(17, 17), tolerance = 1e-4, ignore_attr = TRUE)
  expect_equal(attr(logLik(fit), "nobs"), 180)
})

test_that("what DHARMa asks for", {
  fit <- our_fit("slope")
  set.seed(3)
  simulated <- getSimulations.rlmm(fit, 4)
  expect_equal(dim(simulated), c(180L, 4L))
  set.seed(3)
  again <- getSimulations.rlmm(fit, 4, "refit")
  expect_equal(as.vector(simulated), unlist(again, use.names = FALSE))
  expect_equal(fixef(getRefit.rlmm(fit, again[[2]])), fixef(refit(fit, again[[2]])))
  expect_equal(getFitted.rlmm(fit), predict(fit, re.form = ~0))
  expect_equal(getFixedEffects.rlmm(fit), fixef(fit))
  # scaled residuals are uniform
  rank <- rowMeans(getSimulations.rlmm(fit, 200) < getME(fit, "y"))
  expect_gt(stats::ks.test(rank + 1e-9 * seq_along(rank), "punif")$p.value, 0.001)
})

test_that("what texreg asks for", {
  fit <- our_fit("three")
  parts <- texreg_parts(fit)
  expect_equal(parts$coef, unname(fixef(fit)))
  expect_equal(lengths(parts)[c("coef.names", "se", "pvalues")], c(coef.names = 3L, se = 3L,
    pvalues = 3L))
  expect_equal(length(parts$gof), length(parts$gof.names))
  expect_true(all(c("AIC", "Num. groups: Subject", "Var: Residual",
    "Cov: Subject.1 Days z") %in% parts$gof.names))
  expect_equal(parts$gof[parts$gof.names == "Num. obs."], 180)
  expect_equal(texreg_parts(fit, "Kenward-Roger")$pvalues,
    coefficient_tests(fit, "Kenward-Roger")$p)
})
