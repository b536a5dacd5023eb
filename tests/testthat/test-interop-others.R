# Rows that have no missing values.
model_data_of <- function(x) {
  data <- get(as.character(if (isS4(x)) x@call$data else x$call$data), globalenv())
  utils::head(stats::na.omit(data), 20)
}

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

# marginaleffects does the same to an lmer fit: it writes the slot beta, and predicts.
test_that("coefficients, covariances and predictions are those of lmer's fit", {
  coefficients <- function(x) if (inherits(x, "rlmm")) get_coef.rlmm(x) else lme4::fixef(x)
  expect_as_lmer(coefficients(x))
  covariance <- function(x) if (inherits(x, "rlmm")) get_vcov.rlmm(x) else as.matrix(vcov(x))
  expect_as_lmer(covariance(x))
  moved <- function(x, new) {
    if (inherits(x, "rlmm")) return(set_coef.rlmm(x, new))
    x@beta <- unname(new)
    x
  }
  predicted <- function(x, ...) {
    if (inherits(x, "rlmm")) get_predict.rlmm(x, ...)$estimate else unname(predict(x, ...))
  }
  expect_as_lmer(predicted(x, newdata = model_data_of(x)))
  expect_as_lmer(predicted(x, newdata = model_data_of(x), re.form = NA))
  expect_as_lmer(predicted(moved(x, lme4::fixef(x) * 1.1 + 1), newdata = model_data_of(x)))
  expect_as_lmer(predicted(moved(x, lme4::fixef(x) - 2), newdata = model_data_of(x),
    re.form = NA))
})

test_that("what DHARMa and MuMIn ask for is that of lmer's fit", {
  expected <- function(x) if (inherits(x, "rlmm")) getFitted.rlmm(x) else predict(x, re.form = NA)
  expect_as_lmer(expected(x))
  again <- function(x) {
    y <- rev(lme4::getME(x, "y"))
    fixef(if (inherits(x, "rlmm")) getRefit.rlmm(x, y) else lme4::refit(x, y))
  }
  expect_as_lmer(again(x), c("slope", "cake", "penicillin"), tolerance = 1e-3)
  # R squared by its definition (Nakagawa and Schielzeth), from lme4's parts
  squares <- function(x) {
    if (inherits(x, "rlmm")) return(as.vector(r.squaredGLMM.rlmm(x)))
    fixed <- stats::var(as.vector(model.matrix(x) %*% lme4::fixef(x)))
    Z <- t(as.matrix(lme4::getME(x, "Zt")))
    Lambda <- t(as.matrix(lme4::getME(x, "Lambdat")))
    random <- sigma(x)^2 * mean(rowSums((Z %*% Lambda)^2))
    c(fixed, fixed + random) / (fixed + random + sigma(x)^2)
  }
  expect_as_lmer(squares(x), c("slope", "cake", "penicillin", "deficient"))
  parts <- function(x) list(nobs(x), formula(x), as.numeric(logLik(x)), family(x)$family,
    attr(logLik(x), "df"))
  # formula() is the one that was written, (x || g) too
  expect_as_lmer(parts(x), setdiff(names(interop_models), "split"))
})
