#' Looking at a profile
#'
#' @param x,object What [profile()] gives for a model fitted by [rlmm()].
#' @param digits Number of significant digits.
#' @param row.names,optional As in [as.data.frame()]; not used.
#' @param level Probability of the intervals of the summary.
#' @param ... Handed to other methods, or not used.
#' @return `as.data.frame()` gives the points as a plain data frame with, as in lme4, the column
#'   `.focal`: the value of the parameter that was held. It has `.loglik` as well, the logarithm
#'   of the likelihood (of the REML likelihood for `criterion = "REML"`).
#'
#'   `summary()` gives a data frame with one row for each parameter: `estimate`; the limits of an
#'   interval; `lower.zeta` and `upper.zeta`, how far the profile goes; and `skew`, the logarithm of
#'   the ratio of the interval's parts above and below the estimate: zero where the estimate plus or
#'   minus standard errors would do.
#' @examples
#' pr <- profile(rlmm(Reaction ~ Days + (Days | Subject), sleepstudy))
#' summary(pr)
#' head(as.data.frame(pr))
#' @name rlmm_profile
NULL

#' @rdname rlmm_profile
#' @export
as.data.frame.rlmm_profile <- function(x, row.names = NULL, optional = FALSE, ...) {
  out <- as_plain(x)
  values <- as.matrix(out[setdiff(names(out), c(".zeta", ".par"))])
  out$.focal <- values[cbind(seq_len(nrow(out)), match(out$.par, colnames(values)))]
  minimum <- attr(x, "minimum")
  if (!is.null(minimum)) out$.loglik <- -(minimum + out$.zeta^2) / 2
  out
}

as_plain <- function(x) {
  attributes(x) <- attributes(x)[c("names", "row.names")]
  class(x) <- "data.frame"
  x
}

#' @rdname rlmm_profile
#' @export
summary.rlmm_profile <- function(object, level = 0.95, ...) {
  curves <- profile_curves(object)
  limits <- suppressWarnings(confint(object, level = level), classes = "rlmm_profile_too_short")
  estimate <- vapply(curves, curve_estimate, 0)
  out <- data.frame(estimate = estimate, limits, check.names = FALSE,
    lower.zeta = vapply(curves, function(curve) min(curve$zeta), 0),
    upper.zeta = vapply(curves, function(curve) max(curve$zeta), 0))
  out$skew <- round(log((limits[, 2L] - estimate) / (estimate - limits[, 1L])), 6L)
  out
}

curve_estimate <- function(curve) {
  if (curve$undefined) NaN else curve_values(curve, curve$at[curve$center])
}

#' @rdname rlmm_profile
#' @export
print.rlmm_profile <- function(x, digits = max(3, getOption("digits") - 3), ...) {
  if (!has_all_rows(x)) return(print(as_plain(x), digits = digits, ...))
  reml <- attr(x, "criterion") == "REML"
  cat("Profile of the ", if (reml) "REML criterion" else "deviance", ", ", nrow(x), " points\n",
    sep = "")
  if (reml) cat("(fixed effects have no REML profile)\n")
  print(format(summary(x), digits = digits), ...)
  invisible(x)
}

#' A profile on other scales
#'
#' The same profile in logarithms of the standard deviations, or in variances. The intervals are
#' those of the original profile, transformed; what changes are the pictures.
#'
#' @param x What [profile()] gives for a model fitted by [rlmm()] (with `prof.scale = "sdcor"`), or
#'   by lme4.
#' @param base Base of the logarithms.
#' @param ranef Standard deviations of the random effects, too, or of the residuals alone?
#' @param ... Handed to lme4's functions for profiles of lme4.
#' @return A profile. Parameters that were transformed have other names: `.lsig01`, `.lsigma` and
#'   `.sigsq01`, `.sigmasq` as in lme4, and `log(sd_x|g)`, `log(sigma)`, `var_x|g`, `sigma^2` in
#'   the telling style. Correlations and fixed effects are left as they are.
#' @section Errors: `rlmm_bad_argument` for a profile that is not on the scale of standard
#'   deviations.
#' @details lme4 has plain functions of these names. Where it was attached last, write
#'   `rlmm::logProf()` and `rlmm::varianceProf()`, or `log()`, which is generic.
#' @examples
#' pr <- profile(rlmm(Reaction ~ Days + (Days | Subject), sleepstudy))
#' confint(log(pr))
#' confint(varianceProf(pr))
#' lattice::xyplot(log(pr, base = 2))
#' @export
logProf <- function(x, base = exp(1), ranef = TRUE, ...) {
  if (!inherits(x, "rlmm_profile")) {
    return(hand_to_lme4("logProf", x, base = base, ranef = ranef, ...))
  }
  if (!is.numeric(base) || length(base) != 1L || !isTRUE(base > 0 && base != 1)) {
    stop_rlmm("bad_argument", "'base' must be a positive number other than 1", column = "base")
  }
  transform_profile(x, c(if (ranef) c(sd = "log_sd"), sigma = "log_sigma"), 1 / log(base))
}

#' @rdname logProf
#' @export
log.rlmm_profile <- function(x, base = exp(1)) logProf(x, base)

#' @rdname logProf
#' @export
varianceProf <- function(x, ranef = TRUE, ...) {
  if (!inherits(x, "rlmm_profile")) return(hand_to_lme4("varianceProf", x, ranef = ranef, ...))
  transform_profile(x, c(if (ranef) c(sd = "var"), sigma = "sigma2"), 1)
}

# The profile with some kinds of parameters replaced by others, named old = "new".
transform_profile <- function(x, kinds, unit) {
  curves <- profile_curves(x)
  scale <- attr(x, "kinds")
  if (!any(scale %in% names(kinds))) {
    stop_rlmm("bad_argument", paste0("the profile is not on the scale of standard deviations: ",
      "make it with prof.scale = \"sdcor\", and transform it once"), column = "x")
  }
  changed <- scale %in% names(kinds)
  plain <- as_plain(x)
  columns <- 1L + which(changed)
  for (at in columns) {
    kind <- kinds[[scale[at - 1L]]]
    old <- scale[at - 1L]
    plain[[at]] <- value_of_kind[[kind]](at_of_kind[[old]](plain[[at]])) * unit
  }
  renamed <- transformed_names(names(plain)[columns], kinds[scale[changed]])
  levels <- levels(plain$.par)
  here <- match(names(plain)[columns], levels)
  levels[here[!is.na(here)]] <- renamed[!is.na(here)]
  levels(plain$.par) <- levels
  names(plain)[columns] <- renamed
  curves <- lapply(curves, function(curve) {
    if (curve$kind %in% names(kinds)) {
      curve$kind <- kinds[[curve$kind]]
      curve$unit <- unit
    }
    curve
  })
  names(curves) <- levels
  scale[changed] <- unlist(kinds[scale[changed]])
  keep <- attributes(x)[c("criterion", "minimum", "evaluations")]
  do.call(structure, c(list(plain, class = class(x), curves = curves, kinds = scale), keep))
}

transformed_names <- function(names, kinds) {
  old_style <- startsWith(names, ".")
  logs <- startsWith(unlist(kinds), "log")
  out <- ifelse(logs, paste0("log(", names, ")"), sub("^sd_", "var_", names))
  out[!logs & names == "sigma"] <- "sigma^2"
  ifelse(!old_style, out,
    ifelse(logs, sub("^[.]sig", ".lsig", names),
      sub("^[.]sigma$", ".sigmasq", sub("^[.]sig([0-9])", ".sigsq\\1", names))))
}
