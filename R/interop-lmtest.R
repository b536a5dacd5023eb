#' Tests of coefficients with a given covariance, by lmtest
#'
#' Methods for `lmtest::coeftest()` and `lmtest::coefci()`, which have none for lmer fits.
#' `lmtest::lrtest()` works by its default method.
#'
#' @param x A model fitted by [rlmm()].
#' @param vcov. A covariance matrix of the fixed effects, a function of the fit that gives one, or
#'   `NULL` for that of the fit.
#' @param df Degrees of freedom, one number or one for each coefficient; `NULL` for Satterthwaite's
#'   (of the model's covariance, also where another is given), `Inf` for the normal distribution.
#' @param parm Names or numbers of coefficients; all by default.
#' @param level Probability of the intervals.
#' @param ... Handed to `vcov.`, if it is a function.
#' @return As from lmtest: a matrix of class `coeftest`, a matrix of limits.
#' @examplesIf requireNamespace("lmtest", quietly = TRUE)
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' lmtest::coeftest(fit)
#' lmtest::coefci(fit, "Days", df = Inf)
#' @name rlmm-lmtest
#' @exportS3Method lmtest::coeftest
coeftest.rlmm <- function(x, vcov. = NULL, df = NULL, ...) {
  parts <- lmtest_parts(x, vcov., df, ...)
  finite <- all(is.finite(parts$df))
  p <- 2 * stats::pt(-abs(parts$beta / parts$se), parts$df)
  table <- cbind(Estimate = parts$beta, `Std. Error` = parts$se, parts$beta / parts$se, p)
  colnames(table)[3:4] <- if (finite) c("t value", "Pr(>|t|)") else c("z value", "Pr(>|z|)")
  structure(table, method = paste(if (finite) "t" else "z", "test of coefficients"),
    df = if (length(unique(parts$df)) == 1L) parts$df[[1L]] else parts$df, nobs = nobs(x),
    logLik = logLik(x), class = "coeftest")
}

#' @rdname rlmm-lmtest
#' @exportS3Method lmtest::coefci
coefci.rlmm <- function(x, parm = NULL, level = 0.95, vcov. = NULL, df = NULL, ...) {
  parts <- lmtest_parts(x, vcov., df, ...)
  half <- stats::qt((1 + level) / 2, parts$df) * parts$se
  limits <- cbind(parts$beta - half, parts$beta + half)
  colnames(limits) <- percent_names(c(1 - level, 1 + level) / 2)
  if (is.null(parm)) limits else limits[parm, , drop = FALSE]
}

lmtest_parts <- function(x, vcov., df, ...) {
  V <- if (is.function(vcov.)) vcov.(x, ...) else if (is.null(vcov.)) vcov(x) else vcov.
  if (is.null(df)) df <- coefficient_df(x, "Satterthwaite")
  check_interval(0.95, df, length(x$beta))
  list(beta = fixef(x), se = sqrt(diag(as.matrix(V))), df = df)
}
