#' Confidence intervals of all parameters
#'
#' @param object A model fitted by [rlmm()].
#' @param parm Which parameters: numbers, names in either style, `"theta_"` (all of the random
#'   effects, and sigma) or `"beta_"` (all fixed effects). All of them unless given.
#' @param level Probability that an interval is to have.
#' @param method `"profile"`: by profile likelihood; `"Wald"`: estimate plus or minus standard
#'   errors; `"boot"`: by the parametric bootstrap.
#' @param zeta For profiles, the values of zeta to use instead of the normal quantiles.
#' @param nsim,boot.type,FUN For the bootstrap: number of replicates, kind of interval (`"perc"`,
#'   `"basic"`, `"norm"`, `"bca"` or `"shortest"`), and a function of the fit whose values get
#'   intervals instead of the parameters.
#' @param quiet As lme4's argument; there is no message to suppress.
#' @param oldNames Names in lme4's first style (`.sig01`, `.sigma`), or telling ones
#'   (`sd_(Intercept)|Subject`, `sigma`)?
#' @param criterion For profiles: `"deviance"`, or `"REML"` for variance parameters, see
#'   [profile.rlmm()].
#' @param ddf For Wald intervals of fixed effects: `"none"` for normal quantiles, `"Satterthwaite"`
#'   or `"Kenward-Roger"` for those of t distributions, see [rlmm-ddf].
#' @param ... Handed to [profile.rlmm()] or to `bootMer()`.
#' @return A matrix with one row for each parameter and the lower and upper limits as columns.
#'
#'   The rows are, for each random-effects term, the standard deviations, then the correlations (the
#'   lower triangle by columns); then sigma; then the fixed effects. This is the order of
#'   lme4 from version 2; before that, lme4 took the lower triangle of the whole matrix by columns,
#'   so that `.sig02` and `.sig03` of a random slope are the other way round there.
#' @details
#' Profile intervals are the default, for they are quick to compute here. They do not depend on the
#' scale of the parameter, and they are right where a variance is near zero: an interval
#' reaches 0 (or a correlation -1 or 1) if the data cannot exclude it. Those of a REML fit are based
#' on the likelihood all the same, as in lme4, unless `criterion = "REML"`.
#'
#' Wald intervals of fixed effects are those of the normal distribution unless `ddf` asks for those
#' that belong to the tests of [summary.rlmm()]. Standard deviations have
#' intervals that are symmetric for their logarithms and correlations for Fisher's z, by observed
#' information (see [vcov_theta()]). A term that is singular lies on the boundary and has none:
#' `NA`, with a warning of class `rlmm_no_interval`.
#' @section Coverage:
#' Percent of 1,000 simulated data sets whose 95 percent interval holds the true value (Monte Carlo
#' error 0.7). The model is `y ~ x + (x | g)`, fitted by REML to 20 groups of 8 rows, with true
#' standard deviations 1 and 0.5, correlation 0.3 and sigma 1; 499 samples for each bootstrap. In
#' brackets: data sets for which there are no limits, which do not count. The script
#' `bench/intervals.R` of the package's sources makes this table.
#'
#' | interval | sd (Intercept) | sd x | correlation | sigma | (Intercept) | x |
#' |---|---|---|---|---|---|---|
#' | profile of the deviance | 93.5 | 95.2 | 93.6 | 94.6 | 94.7 | 94.4 |
#' | profile of the REML criterion | 94.2 | 95.9 | 93.7 | 94.6 | | |
#' | Wald | 95.0 (121) | 96.6 (121) | 98.9 (121) | 94.2 | 94.1 | 93.6 |
#' | bootstrap, perc | 92.8 | 96.1 | 94.2 | 94.3 | 94.0 | 93.3 |
#' | bootstrap, basic | 93.2 | 84.8 | 69.2 | 93.4 | 93.9 | 94.1 |
#' | bootstrap, norm | 93.4 | 87.3 | 84.8 | 93.8 | 94.0 | 94.1 |
#' | bootstrap, bca | 94.0 | 88.7 | 93.6 (32) | 93.4 | 93.5 | 93.7 |
#' | bootstrap, shortest | 91.9 | 90.7 | 88.4 | 93.5 | 93.8 | 92.8 |
#' | residual bootstrap, perc | 89.9 | 96.5 | 93.9 | 93.5 | 94.1 | 94.3 |
#' | cases bootstrap, perc | 84.4 | 87.8 | 90.7 | 91.5 | 92.7 | 92.7 |
#' @inheritSection profile.rlmm Warnings
#' @seealso [profile.rlmm()], [confint.rlmm_profile()], [confint.rlmm_boot()], [intervals.rlmm()].
#' @references
#' Profiles: Bates, Maechler, Bolker & Walker (2015). Fitting linear mixed-effects models using
#' lme4. Journal of Statistical Software 67(1), section 5.1; Venzon & Moolgavkar (1988). A method
#' for computing profile-likelihood-based confidence intervals. Applied Statistics 37, 87-94.
#'
#' Wald: Pinheiro & Bates (2000). Mixed-Effects Models in S and S-PLUS. Springer, section 2.4.
#'
#' Bootstrap: Davison & Hinkley (1997). Bootstrap Methods and Their Application. Cambridge, chapter
#' 5.
#' @examples
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' confint(fit)
#' confint(fit, "theta_", oldNames = FALSE, criterion = "REML")
#' confint(fit, "beta_", method = "Wald", ddf = "Kenward-Roger")
#' @export
confint.rlmm <- function(object, parm, level = 0.95, method = c("profile", "Wald", "boot"), zeta,
                         nsim = 500, boot.type = c("perc", "basic", "norm", "bca", "shortest"),
                         FUN = NULL, quiet = FALSE, oldNames = TRUE,
                         criterion = c("deviance", "REML"), ddf = "none", ...) {
  method <- one_of(method, c("profile", "Wald", "boot"), "method")
  check_level(level)
  if (missing(parm)) parm <- NULL
  if (method == "boot") {
    type <- one_of(boot.type, c("perc", "basic", "norm", "bca", "shortest"), "boot.type")
    return(limits_by_boot(object, parm, level, nsim, type, FUN, oldNames, ...))
  }
  table <- profile_parameters(object)
  chosen <- chosen_parameters(table, parm)
  if (method == "Wald") {
    check_no_dots(...)
    return(wald_limits(object, table, chosen, level, oldNames, ddf))
  }
  criterion <- one_of(criterion, c("deviance", "REML"), "criterion")
  if (missing(zeta)) zeta <- stats::qnorm((1 + level) / 2)
  profile_limits(object, table, chosen, checked_zeta(zeta), criterion, oldNames, ...)
}

# The profile only as far as the limits need it.
profile_limits <- function(object, table, chosen, zeta, criterion, oldNames, maxpts = 100,
                           verbose = 0, ...) {
  lme4_only <- setdiff(names(formals(profile.rlmm)), c("which", "fitted", "..."))
  dots <- list(...)
  do.call(check_no_dots, dots[!names_or_empty(dots) %in% lme4_only])
  cutoff <- max(abs(zeta))
  range <- list(cutoff = cutoff, delta = cutoff / 5, maxpts = maxpts, verbose = verbose)
  names <- if (oldNames) table$old else table$new
  limits_of_curves(follow_profiles(object, table, chosen, names, criterion, range)$curves, zeta)
}

wald_limits <- function(object, table, chosen, level, oldNames, ddf) {
  limits <- matrix(NA_real_, length(table$kind), 2L)
  dimnames(limits) <- list(if (oldNames) table$old else table$new,
    percent_names((1 + c(-1, 1) * level) / 2))
  fixed <- table$kind == "beta"
  if (any(fixed[chosen])) {
    tests <- t_table(fixed_tests(object, ddf), diag(length(object$beta)), level = level)
    limits[fixed, ] <- tests[, c("lower", "upper")]
  }
  if (!all(fixed[chosen])) {
    limits[!fixed, ] <- variance_intervals(object, level)[, c("lower", "upper")]
  }
  limits <- limits[chosen, , drop = FALSE]
  none <- rownames(limits)[is.na(limits[, 1L])]
  if (length(none)) {
    warn_rlmm("no_interval", paste0("no Wald interval for ", quoted_list(none), ": the term is ",
      "singular, so that the estimate lies on the boundary; method = \"profile\" gives one-sided ",
      "intervals"), column = none[1L])
  }
  limits
}

limits_by_boot <- function(object, parm, level, nsim, type, FUN, oldNames, ...) {
  if (is.null(FUN)) chosen_parameters(profile_parameters(object), parm)
  boot <- if (is.null(FUN)) bootMer(object, nsim = nsim, ...) else
    bootMer(object, FUN, nsim = nsim, ...)
  confint(boot, parm, level = level, type = type, oldNames = oldNames)
}
