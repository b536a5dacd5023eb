#' Confidence intervals from a profile
#'
#' @param object What [profile()] gives for a model fitted by [rlmm()].
#' @param parm Which parameters: numbers (of those that were profiled), names, `"theta_"` (all of
#'   the random effects, and sigma) or `"beta_"` (all fixed effects). All unless given.
#' @param level Probability that an interval is to have.
#' @param zeta The two values of zeta to use instead of the normal quantiles.
#' @param non.mono.tol As lme4's argument, without effect: the curves are monotone between the
#'   limits.
#' @param ... Not used. The names of the rows are those of the profile.
#' @return A matrix with one row for each parameter and the lower and upper limits as columns.
#' @details
#' A limit is the value where zeta first reaches a normal quantile on the way out from the estimate.
#' Where it does not reach it before the end of the parameter's range, the limit is that end: 0 for
#' a standard deviation, -1 or 1 for a correlation. A limit is `NA` only if the profile ends
#' before: then a warning of class `rlmm_profile_too_short` says how to get a longer one.
#' @section Errors:
#' `rlmm_unknown_name` for a parameter that was not profiled, `rlmm_bad_argument` for `zeta` that
#' is not one or two numbers, or for a part of a profile's rows.
#' @references Bates & Watts (1988). Nonlinear Regression Analysis and Its Applications. Wiley,
#'   chapter 6.
#' @seealso [confint.rlmm()].
#' @examples
#' pr <- profile(rlmm(Reaction ~ Days + (Days | Subject), sleepstudy))
#' confint(pr)
#' confint(pr, parm = c(".sigma", "Days"), level = 0.99)
#' @importFrom stats confint
#' @export
confint.rlmm_profile <- function(object, parm, level = 0.95, zeta, non.mono.tol, ...) {
  check_no_dots(...)
  curves <- profile_curves(object)
  if (!missing(parm) && !is.null(parm)) curves <- curves[chosen_curves(curves, parm)]
  if (missing(zeta)) {
    check_level(level)
    zeta <- stats::qnorm((1 + level) / 2)
  }
  limits_of_curves(curves, checked_zeta(zeta))
}

checked_zeta <- function(zeta) {
  if (!is.numeric(zeta) || !length(zeta) %in% 1:2 || !all(is.finite(zeta))) {
    stop_rlmm("bad_argument", "'zeta' must be one or two numbers", column = "zeta")
  }
  if (length(zeta) == 1L) c(-1, 1) * abs(zeta) else sort(zeta)
}

profile_curves <- function(object) {
  curves <- attr(object, "curves")
  if (!has_all_rows(object)) {
    stop_rlmm("bad_argument", paste0("this is a part of a profile's rows, which has lost the ",
      "curves: use the whole profile, and 'which' or 'parm' to choose parameters"),
    column = "object")
  }
  curves
}

# Rows that are taken from a profile may keep its attributes.
has_all_rows <- function(object) {
  curves <- attr(object, "curves")
  !is.null(curves) && nrow(object) == sum(vapply(curves, function(curve) length(curve$at), 1L))
}

# Positions of some of the curves: by number, by name, or all of a kind.
chosen_curves <- function(curves, parm) {
  names <- names(curves)
  found <- if (is.character(parm)) {
    fixed <- vapply(curves, `[[`, "", "kind") == "beta"
    lapply(parm, function(name) switch(name,
      theta_ = which(!fixed), beta_ = which(fixed), which(names == name)))
  } else {
    as.list(seq_along(names)[parm])
  }
  missing <- lengths(found) == 0L | vapply(found, anyNA, NA)
  if (any(missing)) {
    stop_rlmm("unknown_name", paste0("the profile has no parameter '", parm[missing][1L],
      "'; it has ", quoted_list(names)), column = as.character(parm[missing][1L]))
  }
  sort(unique(unlist(found)))
}
