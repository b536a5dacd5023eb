#' Summary of a fitted model
#'
#' The layout of lme4: the criterion, quantiles of the scaled residuals, variances of the random
#' effects, and the fixed effects with standard errors and t values.
#'
#' @param object A model fitted by [rlmm()].
#' @param x What `summary()` gives.
#' @param correlation Show the correlation of the fixed effects? By default where there are at
#'   most 12 of them, or as many as option `rlmm.summary.cor.max` says.
#' @param digits Number of significant digits.
#' @param symbolic.cor Print the correlations as symbols, see [stats::symnum()]?
#' @param signif.stars Mark p values with stars, where the table has them?
#' @param ranef.comp Which of `"Variance"` and `"Std.Dev."` to print for the random effects.
#' @param show.resids Print the quantiles of the scaled residuals?
#' @param ... Not used.
#' @return A list of class `summary.rlmm` with components `methTitle`, `call`, `formula`,
#'   `coefficients` (columns Estimate, Std. Error, t value), `sigma`, `vcov`, `varcor`, `AICtab`,
#'   `logLik`, `ngrps`, `nobs`, `residuals` (scaled), `devcomp`, `isLmer`, `useScale`, `family`,
#'   `link`, `fitMsgs`, `optinfo`, `dropped` and `correlation`.
#' @examples
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' summary(fit)
#' coef(summary(fit))
#' print(summary(fit), ranef.comp = "Variance", correlation = FALSE)
#' @name summary.rlmm
#' @export
summary.rlmm <- function(object, correlation = NULL, ...) {
  covariance <- vcov(object)
  if (is.null(correlation)) correlation <- length(object$beta) <= summary_correlation_limit()
  structure(list(
    methTitle = fit_title(object$REML), objClass = class(object), call = object$call,
    formula = object$formula, coefficients = coefficient_table(fixef(object), covariance),
    sigma = sigma(object), vcov = covariance, varcor = VarCorr(object), REML = object$REML,
    AICtab = criterion_table(object), logLik = logLik(object), ngrps = ngrps(object),
    nobs = nobs(object), residuals = residuals(object, type = "pearson", scaled = TRUE),
    devcomp = devcomp(object), isLmer = TRUE, useScale = TRUE, family = "gaussian",
    link = "identity", fitMsgs = object$optinfo$messages, optinfo = object$optinfo,
    dropped = object$dropped, correlation = correlation
  ), class = "summary.rlmm")
}

summary_correlation_limit <- function() getOption("rlmm.summary.cor.max", 12L)

coefficient_table <- function(beta, covariance) {
  se <- sqrt(diag(covariance))
  cbind(Estimate = beta, `Std. Error` = se, `t value` = beta / se)
}

#' @export
coef.summary.rlmm <- function(object, ...) object$coefficients

#' @export
vcov.summary.rlmm <- function(object, ...) object$vcov

#' @export
VarCorr.summary.rlmm <- function(x, sigma = 1, ...) x$varcor

#' @export
logLik.summary.rlmm <- function(object, ...) object$logLik

#' @rdname summary.rlmm
#' @export
print.summary.rlmm <- function(x, digits = max(3, getOption("digits") - 3), correlation = NULL,
                               symbolic.cor = FALSE,
                               signif.stars = getOption("show.signif.stars"),
                               ranef.comp = c("Variance", "Std.Dev."), show.resids = TRUE, ...) {
  print_title(x$REML)
  print_call(x$call, x$formula)
  cat("\n")
  print_criterion(x$AICtab, x$REML, digits = 1)
  cat("\n")
  if (show.resids) print_scaled_residuals(x$residuals, digits)
  cat("Random effects:\n")
  print(x$varcor, digits = digits, comp = ranef.comp)
  print_groups(x$nobs, x$ngrps)
  print_coefficient_table(x$coefficients, digits, signif.stars)
  print_dropped(x$dropped)
  print_fixed_correlation(x, correlation, symbolic.cor)
  print_findings(x$optinfo)
  cat("\n")
  invisible(x)
}

print_scaled_residuals <- function(r, digits) {
  quantiles <- stats::quantile(r, na.rm = TRUE, names = FALSE)
  names(quantiles) <- c("Min", "1Q", "Median", "3Q", "Max")
  cat("Scaled residuals:\n")
  print(zapsmall(quantiles, digits + 1L), digits = digits)
  cat("\n")
}

print_coefficient_table <- function(table, digits, signif.stars) {
  if (nrow(table) == 0) return(cat("\nNo fixed effect coefficients\n"))
  cat("\nFixed effects:\n")
  stats::printCoefmat(table, digits = digits, signif.stars = signif.stars,
    tst.ind = match("t value", colnames(table)))
}

print_fixed_correlation <- function(x, correlation, symbolic.cor) {
  p <- nrow(x$coefficients)
  if (is.null(correlation)) {
    correlation <- x$correlation
    if (!correlation && p > summary_correlation_limit()) {
      cat("\nCorrelations of the", p, "fixed effects are not shown:",
        "print(summary(fit), correlation = TRUE) shows them, vcov(fit) has the covariances.\n")
    }
  }
  if (!correlation || p < 2) return(invisible())
  cat("\nCorrelation of Fixed Effects:\n")
  corr <- stats::cov2cor(x$vcov)
  if (symbolic.cor) return(print(stats::symnum(corr, abbr.colnames = 6)))
  text <- format(round(corr, 3), nsmall = 3)
  text[!lower.tri(text)] <- ""
  dimnames(text) <- list(abbreviate(rownames(corr), minlength = 11),
    abbreviate(colnames(corr), minlength = 6))
  print(text[-1, -p, drop = FALSE], quote = FALSE)
}
