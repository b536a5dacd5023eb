#' Profile likelihood of a fitted model
#'
#' The deviance, or the REML criterion, as a function of one parameter at a time: standard
#' deviations and correlations of the random effects (or variances and covariances), the residual
#' standard deviation, and fixed effects; all others at their best for each value.
#'
#' @param fitted A model fitted by [rlmm()].
#' @param which Which parameters: numbers, names in either style, `"theta_"` (all of the random
#'   effects, and sigma) or `"beta_"` (all fixed effects). All of them unless given.
#' @param alphamax A profile goes as far as joint confidence regions of all parameters need at the
#'   level `1 - alphamax`: to `sqrt(qchisq(1 - alphamax, k))` on the scale of zeta, `k` being the
#'   number of parameters of the model.
#' @param maxpts Largest number of points of a profile.
#' @param delta,delta.cutoff Change of zeta from point to point, and the same as a part of the
#'   largest zeta.
#' @param verbose Report progress at once? By default a computation that takes longer than two
#'   seconds does, if [rlmm_control()] says so.
#' @param signames,oldNames Names in lme4's first style (`.sig01`, `.sigma`), or telling ones
#'   (`sd_(Intercept)|Subject`, `sigma`)? The two arguments are the same.
#' @param prof.scale `"sdcor"`: standard deviations and correlations; `"varcov"`: variances and
#'   covariances, and the residual variance.
#' @param criterion `"deviance"`: minus twice the log-likelihood, whatever the fit was made by; a
#'   REML fit is fitted by maximum likelihood first, as in lme4. `"REML"`: the REML criterion, for
#'   the variance parameters only: models with other fixed effects have no common REML criterion, so
#'   there is no REML profile of a fixed effect.
#' @param parallel,ncpus,cl,devtol,maxmult,startmethod,optimizer,control Arguments of lme4's method
#'   that have no effect: the curves are computed in as many threads as [rlmm_control()] says.
#' @param ... Not used.
#' @return A data frame of class `rlmm_profile`, and of lme4's class `thpr`, with one row for each
#'   point: `.zeta`, the values of all parameters, and `.par`, the parameter that was held at its
#'   value. The parameters are in the order of [confint.rlmm()]: standard deviations, then
#'   correlations of each term, sigma, fixed effects. A correlation is `NaN` in points where one of
#'   its standard deviations is zero.
#'
#'   See [confint.rlmm_profile()] for intervals, [xyplot.rlmm_profile()] for pictures, and
#'   [logProf()] for other scales.
#' @details
#' With D(w) the criterion at its best given the value w of a parameter, and D its minimum at the
#' estimate, zeta(w) is the square root of D(w) - D, with the sign of w less the estimate (Bates &
#' Watts 1988, chapter 6). If the parameter has the value w, zeta(w) is about standard normal. The
#' nearer zeta is to a straight line, the better the estimate plus or minus standard errors serves
#' as an interval.
#'
#' Each curve is computed in coordinates in which its parameter is one and the others can be
#' anything (for a standard deviation the first entry of a Cholesky factor of the covariance, after
#' a rotation of its columns; for a correlation an angle). Newton steps with exact derivatives find
#' the best values of the others, from where the tangent of the curve predicts them. The slope of
#' zeta is exact, too, so that intervals are interpolated by cubic polynomials with known slopes.
#' The second derivative tells how far off these are; points are added until zeta is right to about
#' 2e-4, also where a curve has corners because another parameter reaches its bound, or another
#' local optimum becomes the best.
#'
#' A standard deviation that has zero within its range ends there, a correlation at -1 or 1. If a
#' standard deviation is estimated as zero, its correlations can be anything at the same deviance:
#' their profile is zero from -1 to 1.
#' @section Warnings:
#' `rlmm_lower_criterion`: a point has a lower criterion than the fit. Then the fit was not the
#' optimum, which is a defect of this package; the condition has the field `theta`, the starting
#' values for a better fit. `rlmm_profile_incomplete`: a point could not be found to full precision.
#' `rlmm_not_certified`: the maximum likelihood fit that a REML fit needed is not certified.
#' @section Errors: `rlmm_unknown_name` for a parameter that the model does not have,
#'   `rlmm_bad_argument`, and `rlmm_no_reml_profile` for a fixed effect with `criterion = "REML"`.
#' @references
#' Bates & Watts (1988). Nonlinear Regression Analysis and Its Applications. Wiley, chapter 6.
#'
#' Venzon & Moolgavkar (1988). A method for computing profile-likelihood-based confidence intervals.
#' Applied Statistics 37, 87-94.
#'
#' Pinheiro & Bates (2000). Mixed-Effects Models in S and S-PLUS. Springer, section 2.4.
#'
#' Bates, Maechler, Bolker & Walker (2015). Fitting linear mixed-effects models using lme4. Journal
#' of Statistical Software 67(1), section 5.1.
#' @examples
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' pr <- profile(fit)
#' pr
#' confint(pr, level = 0.9)
#' head(as.data.frame(pr))
#' profile(fit, which = "theta_", criterion = "REML", signames = FALSE)
#' @export
profile.rlmm <- function(fitted, which = NULL, alphamax = 0.01, maxpts = 100, delta = NULL,
                         delta.cutoff = 1 / 8, verbose = 0, signames = TRUE, oldNames = signames,
                         prof.scale = c("sdcor", "varcov"), criterion = c("deviance", "REML"),
                         parallel, ncpus, cl, devtol, maxmult, startmethod, optimizer, control,
                         ...) {
  check_no_dots(...)
  scale <- one_of(prof.scale, c("sdcor", "varcov"), "prof.scale")
  criterion <- one_of(criterion, c("deviance", "REML"), "criterion")
  table <- profile_parameters(fitted, scale)
  check_level(alphamax)
  cutoff <- sqrt(stats::qchisq(1 - alphamax, length(table$kind)))
  if (is.null(delta)) delta <- cutoff * delta.cutoff
  check_positive(delta, "delta")
  check_positive(maxpts, "maxpts")
  names <- if (oldNames) table$old else table$new
  found <- follow_profiles(fitted, table, chosen_parameters(table, which), names, criterion,
    list(cutoff = cutoff, delta = delta, maxpts = maxpts, verbose = verbose))
  new_profile(found, table, names, criterion)
}

#' @importFrom stats profile
#' @export
stats::profile

check_no_dots <- function(...) {
  if (...length() == 0L) return(invisible())
  name <- c(...names(), "(unnamed)")[1L]
  stop_rlmm("bad_argument", paste0("unknown argument '", name, "'"), column = name)
}

check_positive <- function(x, name) {
  if (!is.numeric(x) || length(x) != 1L || !isTRUE(is.finite(x) && x > 0)) {
    stop_rlmm("bad_argument", paste0("'", name, "' must be a positive number"), column = name)
  }
}

# What Rust finds for the chosen parameters, the curves by name. `range` has cutoff, delta, maxpts
# and verbose. With more curves than threads each thread follows its own; otherwise the threads
# share the evaluations.
follow_profiles <- function(object, table, chosen, names, criterion, range) {
  chosen <- with_criterion(table, chosen, criterion)
  frame <- rebuilt_frame(object)
  frame$control$check$rank_X <- "ignore"
  threads <- thread_count(frame$control)
  if (2L * length(chosen) >= threads) frame$control$threads <- 1L
  frame$REML <- criterion == "REML"
  search <- object$REML != frame$REML
  model <- environment(rlmm_devfun(frame))$model
  theta <- if (search) start_from(object) else object$theta
  print_after <- if (isTRUE(range$verbose > 0)) 0 else if (frame$control$progress) 2 else Inf
  found <- rust_result(rust_profile(model, as.double(theta), search,
    as.double(table$focus[, chosen]), range$cutoff, range$delta,
    as.integer(ceiling(range$maxpts / 2)), threads, print_after))
  found$curves <- Map(profile_curve, found$curves, table$kind[chosen], chosen)
  names(found$curves) <- names[chosen]
  warn_about_profile(found)
  found
}

# Fixed effects have no REML profile.
with_criterion <- function(table, chosen, criterion) {
  fixed <- table$kind[chosen] == "beta"
  if (criterion == "deviance" || !any(fixed)) return(chosen)
  if (length(chosen) < length(table$kind)) {
    name <- table$new[chosen[fixed][1L]]
    stop_rlmm("no_reml_profile", paste0("the fixed effect '", name, "' has no REML profile: use ",
      "criterion = \"deviance\""), column = name)
  }
  chosen[!fixed]
}

warn_about_profile <- function(found) {
  if (!is.null(found$certificate) && !isTRUE(found$certificate$certified)) {
    warn_rlmm("not_certified", paste0("the maximum likelihood or REML fit that the profile starts ",
      "from is ", found$certificate$text))
  }
  if (!is.null(found$lower_criterion)) {
    warn_rlmm("lower_criterion", paste0("profiling has found a criterion of ",
      format(found$lower_criterion, digits = 10), ", which is lower by ",
      format(found$criterion - found$lower_criterion, digits = 3), " than that of the fit: the ",
      "fit is not the optimum. This is a defect of rlmm, please report it. A better fit starts ",
      "from start = c(", paste(format(found$lower_theta, digits = 6), collapse = ", "), ")"),
    theta = found$lower_theta)
  }
  lost <- names(which(!vapply(found$curves, function(curve) all(curve$converged), NA)))
  if (length(lost)) {
    warn_rlmm("profile_incomplete", paste0("the profile of ", quoted_list(lost), " has points ",
      "that could not be found to full precision"), column = lost[1L])
  }
}

# One parameter's curve: the coordinate `at`, zeta, its slope d zeta / d at, all parameters on the
# scale of standard deviations and correlations; `unit` divides logarithms to other bases.
profile_curve <- function(curve, kind, column) {
  curve$kind <- kind
  curve$unit <- 1
  curve$column <- column
  curve
}

new_profile <- function(found, table, names, criterion) {
  curves <- found$curves
  rows <- lapply(curves, function(curve) {
    values <- on_scale_of(curve$parameters, table)
    values[, curve$column] <- curve_values(curve)
    list(zeta = curve$zeta, values = values)
  })
  values <- do.call(rbind, lapply(rows, `[[`, "values"))
  colnames(values) <- names
  lengths <- vapply(curves, function(curve) length(curve$zeta), 1L)
  par <- rep(factor(names(curves), names(curves)), lengths)
  zeta <- unlist(lapply(rows, `[[`, "zeta"), use.names = FALSE)
  frame <- data.frame(.zeta = zeta, values, .par = par, check.names = FALSE)
  structure(frame, class = c("rlmm_profile", "thpr", "data.frame"), curves = curves,
    kinds = table$kind, criterion = criterion, minimum = found$criterion,
    evaluations = found$evaluations)
}

# Standard deviations and correlations as the scale of the table has them.
on_scale_of <- function(parameters, table) {
  if (!"sigma2" %in% table$kind) return(parameters)
  out <- parameters
  squared <- table$kind %in% c("var", "sigma2")
  out[, squared] <- parameters[, squared]^2
  for (i in which(table$kind == "cov")) {
    term <- which(table$kind == "var" & table$focus[2L, ] == table$focus[2L, i])
    both <- term[table$focus[3:4, i]]
    product <- parameters[, both[1L]] * parameters[, both[2L]]
    out[, i] <- ifelse(product == 0, 0, parameters[, i] * product)
  }
  out
}
