#' Summary of a fitted model
#'
#' The layout of lme4 and lmerTest: the criterion, quantiles of the scaled residuals, variances of
#' the random effects, and the fixed effects with standard errors and t tests.
#'
#' @param object A model fitted by [rlmm()].
#' @param x What `summary()` gives.
#' @param ddf How degrees of freedom of the t tests are found: `"Satterthwaite"`, `"Kenward-Roger"`
#'   or `"none"` (no degrees of freedom and no p values, as in lme4), see [rlmm-ddf].
#' @param vcov Standard errors of the model (`"model"`), or robust ones (`"CR0"`, `"CR1"`, `"CR2"`),
#'   see [vcov.rlmm()].
#' @param cluster For robust standard errors, the clusters, see [vcov.rlmm()].
#' @param group.sizes Print the smallest, mean and largest number of rows by level of each grouping
#'   factor, see [group_sizes()]?
#' @param correlation Show the correlation of the fixed effects? By default where there are at
#'   most 12 of them, or as many as option `rlmm.summary.cor.max` says.
#' @param digits Number of significant digits.
#' @param symbolic.cor Print the correlations as symbols, see [stats::symnum()]?
#' @param signif.stars Mark p values with stars, where the table has them?
#' @param ranef.comp Which of `"Variance"` and `"Std.Dev."` to print for the random effects.
#' @param show.resids Print the quantiles of the scaled residuals?
#' @param ... Not used.
#' @return A list of class `summary.rlmm` with components `methTitle`, `call`, `formula`,
#'   `coefficients` (columns Estimate, Std. Error, df, t value, Pr(>|t|); without df and p for
#'   `ddf = "none"`), `ddf`, `sigma`, `vcov` (that of the tests), `varcor`, `AICtab`, `logLik`,
#'   `ngrps`, `nobs`, `residuals` (scaled), `devcomp`, `isLmer`, `useScale`, `family`, `link`,
#'   `fitMsgs`, `optinfo`, `dropped`, `correlation` and, on request, `group_sizes`.
#' @references The degrees of freedom: see [rlmm-ddf]. The layout:
#'
#' Bates, D., Maechler, M., Bolker, B. and Walker, S. (2015) Fitting linear mixed-effects models
#' using lme4. *Journal of Statistical Software* 67(1), 1-48, section 5.2.
#' \doi{10.18637/jss.v067.i01}
#' @seealso [contest()] for other hypotheses, [anova.rlmm()] for terms.
#' @examples
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' summary(fit)
#' coef(summary(fit))
#' coef(summary(fit, ddf = "Kenward-Roger"))
#' coef(summary(fit, vcov = "CR2"))
#' print(summary(fit), ranef.comp = "Variance", correlation = FALSE)
#' @name summary.rlmm
#' @export
summary.rlmm <- function(object, correlation = NULL,
                         ddf = c("Satterthwaite", "Kenward-Roger", "none"), vcov = "model",
                         cluster = NULL, group.sizes = FALSE, ...) {
  tests <- fixed_tests(object, ddf, vcov, cluster)
  if (is.null(correlation)) correlation <- length(object$beta) <= summary_correlation_limit()
  structure(list(
    methTitle = fit_title(object$REML), objClass = class(object), call = object$call,
    formula = object$formula, coefficients = coefficient_table(tests), ddf = tests$ddf,
    method = tests$method, sigma = sigma(object), vcov = tests$vcov, varcor = VarCorr(object),
    REML = object$REML, AICtab = criterion_table(object), logLik = logLik(object),
    ngrps = ngrps(object), nobs = nobs(object),
    residuals = residuals(object, type = "pearson", scaled = TRUE),
    devcomp = devcomp(object), isLmer = TRUE, useScale = TRUE, family = "gaussian",
    link = "identity", fitMsgs = object$optinfo$messages, optinfo = object$optinfo,
    dropped = object$dropped, correlation = correlation,
    group_sizes = if (group.sizes) group_sizes(object)
  ), class = "summary.rlmm")
}

summary_correlation_limit <- function() getOption("rlmm.summary.cor.max", 12L)

# A table of all coefficients, named by them.
coefficient_table <- function(tests) {
  p <- length(tests$beta)
  table <- t_table(tests, diag(p))
  rownames(table) <- names(tests$beta)
  table
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
  print_title(x$REML, if (x$ddf != "none") paste0("t-tests use ", x$method))
  print_call(x$call, x$formula)
  cat("\n")
  print_criterion(x$AICtab, x$REML, digits = 1)
  cat("\n")
  if (show.resids) print_scaled_residuals(x$residuals, digits)
  cat("Random effects:\n")
  print(x$varcor, digits = digits, comp = ranef.comp)
  print_groups(x$nobs, x$ngrps)
  if (!is.null(x$group_sizes)) print(x$group_sizes)
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
  has_p <- "Pr(>|t|)" %in% colnames(table)
  stats::printCoefmat(table, digits = digits, signif.stars = signif.stars, has.Pvalue = has_p,
    P.values = has_p, cs.ind = 1:2, tst.ind = match("t value", colnames(table)),
    dig.tst = max(1L, min(5L, digits - 1L)), zap.ind = match("df", colnames(table), nomatch = 0L))
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
