#' Wald intervals of all parameters
#'
#' Approximate confidence intervals of the fixed effects, of the standard deviations and
#' correlations of the random effects, and of sigma, arranged as those of nlme.
#'
#' @param object A model fitted by [rlmm()].
#' @param level Probability that an interval is to have.
#' @param which `"all"`, `"var-cov"` (random effects and sigma) or `"fixed"`.
#' @param df Degrees of freedom for the fixed effects: one number or one for each; `Inf` for the
#'   normal distribution.
#' @param x What `intervals()` gives.
#' @param digits Number of significant digits.
#' @param ... Not used.
#' @return A list of class `rlmm_intervals` with matrices `fixed`, `reStruct` (a list by term) and
#'   `sigma`, columns `lower`, `est.` and `upper`.
#' @details
#' Standard deviations and sigma have intervals that are symmetric for their logarithms,
#' correlations for Fisher's z, with standard errors by observed information, see [vcov_theta()]. A
#' singular term lies on the boundary and has no such interval: its limits are `NA`. Profile or
#' bootstrap intervals are better where a variance is near zero.
#' @references Pinheiro & Bates (2000). Mixed-Effects Models in S and S-PLUS. Springer, section 2.4.
#' @examples
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' intervals(fit)
#' intervals(fit, which = "fixed", df = 17)
#' @name intervals.rlmm
#' @importFrom nlme intervals
#' @export
intervals.rlmm <- function(object, level = 0.95, which = c("all", "var-cov", "fixed"), df = Inf,
                           ...) {
  which <- one_of(which, c("all", "var-cov", "fixed"), "which")
  check_interval(level, df, length(object$beta))
  out <- list()
  if (which != "var-cov") {
    se <- sqrt(diag(vcov(object)))
    half <- stats::qt((1 + level) / 2, df) * se
    out$fixed <- interval_matrix(object$beta - half, object$beta, object$beta + half)
  }
  if (which != "fixed") {
    table <- variance_intervals(object, level)
    parts <- split.data.frame(table, factor(parameter_table(object)$group,
      c(vapply(object$random, `[[`, "", "name"), "Residual")))
    out$sigma <- parts$Residual["sigma", ]
    out$reStruct <- parts[names(parts) != "Residual"]
  }
  structure(out, level = level, class = "rlmm_intervals")
}

#' @importFrom nlme intervals
#' @export
nlme::intervals

interval_matrix <- function(lower, estimate, upper) {
  out <- cbind(lower = lower, est. = estimate, upper = upper)
  rownames(out) <- names(estimate)
  out
}

# Standard deviations and correlations with intervals that are symmetric on the log and z scales.
variance_intervals <- function(object, level) {
  on_log <- vcov_theta(object, "log")
  center <- attr(on_log, "estimate")
  half <- stats::qnorm((1 + level) / 2) * sqrt(diag(on_log))
  estimate <- scale_change(object, "sdcor")$estimate
  is_correlation <- !is.na(parameter_table(object)$var2)
  back <- function(x) ifelse(is_correlation, tanh(x), exp(x))
  interval_matrix(back(center - half), estimate, back(center + half))
}

#' @rdname intervals.rlmm
#' @export
print.rlmm_intervals <- function(x, digits = max(3, getOption("digits") - 3), ...) {
  cat("Wald intervals, level ", format(attr(x, "level")), "\n", sep = "")
  if (!is.null(x$fixed)) {
    cat("\nFixed effects:\n")
    print(x$fixed, digits = digits)
  }
  for (group in names(x$reStruct)) {
    cat("\nRandom effects of ", group, ":\n", sep = "")
    shown <- x$reStruct[[group]]
    rownames(shown) <- sub("[|][^|]*$", "", rownames(shown))
    print(shown, digits = digits)
  }
  if (!is.null(x$sigma)) {
    cat("\nResidual standard deviation:\n")
    print(x$sigma, digits = digits)
  }
  invisible(x)
}
