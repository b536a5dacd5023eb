#' Variance by source
#'
#' How the variance of the response divides among the fixed effects, each random-effects term and
#' the residual.
#'
#' @param object A model fitted by [rlmm()].
#' @param fixed Count the variance of the fixed part? Without it, proportions are intraclass
#'   correlations adjusted for the fixed effects.
#' @return A data frame with columns `source`, `term` (the bar as written), `variance` and
#'   `proportion`. The variance of a term with slopes is the mean over the rows of z'Sigma z, that
#'   of the fixed part its variance over the rows.
#' @inherit fit_statistics references
#' @section Errors: `rlmm_no_method` for anything but a fit by [rlmm()].
#' @examples
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' variance_partition(fit)
#' variance_partition(fit, fixed = FALSE)
#' @export
variance_partition <- function(object, fixed = TRUE) {
  check_fit(object, "variance_partition")
  check_flag(fixed, "fixed")
  parts <- variance_parts(object)
  variance <- c(if (fixed) parts$fixed, unname(parts$random), parts$residual)
  data.frame(
    source = c(if (fixed) "Fixed effects", names(parts$random), "Residual"),
    term = c(if (fixed) NA, parts$call, NA),
    variance = variance, proportion = variance / sum(variance)
  )
}

# Variances of the fixed part, of each term, and of the residual, over the rows of the fit.
variance_parts <- function(object) {
  used <- used_rows(object$frame)
  terms <- random_terms(object)
  random <- mapply(function(term, relative) {
    Z <- left_matrix(term, length(used))[used, , drop = FALSE]
    object$sigma^2 * sum(crossprod(Z) * relative) / sum(used)
  }, terms, relative_covariances(object))
  names(random) <- vapply(terms, `[[`, "", "name")
  list(fixed = if (sum(used) > 1L) stats::var(fixed_part(object, object$frame)[used]) else 0,
    random = random, residual = object$sigma^2, call = vapply(terms, `[[`, "", "call"))
}
