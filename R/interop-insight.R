#' rlmm and the packages of easystats
#'
#' Methods for the generics of insight, on which performance, parameters, ggeffects, sjPlot and
#' others build. They are registered when insight is loaded; rlmm does not need it.
#'
#' @section What they give:
#' * `find_formula()`: `conditional`, the formula of the fixed effects, and `random`, one formula
#'   for each term (`||` is split into its terms).
#' * `get_data()`: the variables of the model for the rows of the fit, as they were when it was
#'   made, from the fit itself; the data are not looked for again.
#' * `get_parameters()`, `get_statistic()`, `get_varcov()`: estimates, t values and covariance of
#'   the fixed effects; with `effects = "random"` the modes by grouping factor.
#' * `get_df()`: by `type`, residual degrees of freedom, infinite ones, or those of Satterthwaite
#'   and of Kenward and Roger by coefficient, by our own methods.
#' * `get_variance()`: as [variance_partition()]; for a singular fit too, where an lmer fit has
#'   `NA`.
#' * `is_converged()`: whether the optimum is certified, see [optinfo()].
#' * `get_predicted()`: see [predict.rlmm()].
#'
#' Functions that accept a fixed list of classes only, such as `compare_performance()`, get the fit
#' as an object of lme4 made by [as_merMod()], for which lme4 must be installed.
#' @name rlmm-insight
#' @examplesIf requireNamespace("insight", quietly = TRUE)
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' insight::find_formula(fit)
#' insight::get_df(fit, type = "satterthwaite")
NULL

#' @exportS3Method insight::find_formula
find_formula.rlmm <- function(x, verbose = TRUE, ...) {
  random <- lapply(x$random, function(term) {
    stats::as.formula(paste("~", term$call), env = environment(x$formula))
  })
  if (length(random) == 1L) random <- random[[1L]]
  structure(list(conditional = fixed_formula(x$formula), random = random),
    class = c("insight_formula", "list"))
}

#' @exportS3Method insight::find_parameters
find_parameters.rlmm <- function(x, effects = c("all", "fixed", "random"), flatten = FALSE, ...) {
  effects <- match.arg(effects)
  random <- lapply(split(x$random, factor_of_term(x)), function(terms) {
    unique(unlist(lapply(terms, `[[`, "columns")))
  })
  names(random) <- factor_names(x)
  out <- list(conditional = names(x$beta), random = random)
  if (effects == "fixed") out <- out["conditional"]
  if (effects == "random") out <- out["random"]
  if (flatten) unique(unlist(out, use.names = FALSE)) else out
}

#' @exportS3Method insight::find_algorithm
find_algorithm.rlmm <- function(x, ...) {
  list(algorithm = if (x$REML) "REML" else "ML", optimizer = "trust region, exact derivatives")
}

#' @exportS3Method insight::n_parameters
n_parameters.rlmm <- function(x, effects = "fixed", ...) {
  if (effects == "fixed") length(x$beta) else x$dims[["q"]]
}

#' @exportS3Method insight::get_data
get_data.rlmm <- function(x, effects = c("all", "fixed", "random"), source = "environment",
                          verbose = TRUE, ...) {
  effects <- match.arg(effects)
  data <- original_data(x)
  bars <- lapply(find_bars(x$formula), all.vars)
  groups <- unlist(lapply(find_bars(x$formula), function(bar) all.vars(bar[[3L]])))
  wanted <- switch(effects, all = names(data), fixed = all.vars(fixed_formula(x$formula)),
    random = groups)
  data <- data[names(data) %in% wanted]
  weights <- stats::model.weights(x$frame)
  if (!is.null(weights) && effects != "random") data[["(weights)"]] <- weights
  data
}

#' @exportS3Method insight::get_parameters
get_parameters.rlmm <- function(x, effects = c("fixed", "random"), ...) {
  effects <- match.arg(effects)
  if (effects == "random") return(lapply(unclass(ranef(x, condVar = FALSE)), as.data.frame))
  beta <- fixef(x)
  data.frame(Parameter = names(beta), Estimate = unname(beta), stringsAsFactors = FALSE)
}

#' @exportS3Method insight::get_statistic
get_statistic.rlmm <- function(x, ...) {
  beta <- fixef(x)
  structure(data.frame(Parameter = names(beta), Statistic = unname(beta / sqrt(diag(vcov(x))))),
    statistic = "t-statistic")
}

#' @exportS3Method insight::get_varcov
get_varcov.rlmm <- function(x, ...) vcov(x)

#' @exportS3Method insight::get_df
get_df.rlmm <- function(x, type = "residual", verbose = TRUE, ...) {
  type <- tolower(type)[1L]
  if (type == "model") return(n_parameters(x))
  if (type == "normal") return(Inf)
  method <- switch(type, satterthwaite = "Satterthwaite", kenward = , kr = ,
    `kenward-roger` = "Kenward-Roger")
  if (is.null(method)) return(df.residual(x))
  coefficient_df(x, method)
}

# Degrees of freedom of each coefficient.
coefficient_df <- function(object, ddf) {
  p <- length(object$beta)
  stats::setNames(contrast_df(object, diag(p), ddf), names(object$beta))
}

#' @exportS3Method insight::get_variance
get_variance.rlmm <- function(x, component = c("all", "fixed", "random", "residual",
                                "distribution", "dispersion", "intercept", "slope", "rho01",
                                "rho00"), ...) {
  component <- match.arg(component)
  parts <- variance_parts(x)
  out <- c(list(var.fixed = parts$fixed, var.random = sum(parts$random),
    var.residual = parts$residual, var.distribution = parts$residual, var.dispersion = 0),
  variances_by_effect(x))
  out <- out[lengths(out) > 0L]
  if (component == "all") return(out)
  out[[switch(component, rho01 = "cor.slope_intercept", rho00 = "cor.slopes",
    paste0("var.", component))]]
}

# Variances of intercepts and slopes, and correlations, named by term.
variances_by_effect <- function(object) {
  table <- as.data.frame(VarCorr(object))
  table <- table[table$grp != "Residual", ]
  single <- is.na(table$var2)
  intercept <- table$var1 %in% "(Intercept)"
  named <- function(rows, values, names) stats::setNames(table[[values]][rows], names[rows])
  with <- !single & intercept
  among <- !single & !intercept
  list(
    var.intercept = named(single & intercept, "vcov", table$grp),
    var.slope = named(single & !intercept, "vcov", paste(table$grp, table$var1, sep = ".")),
    cor.slope_intercept = named(with, "sdcor", if (sum(with) == length(unique(table$grp[with])))
      table$grp else paste(table$grp, table$var2, sep = ".")),
    cor.slopes = named(among, "sdcor",
      paste0(table$grp, ".", table$var1, "-", table$var2))
  )
}

#' @exportS3Method insight::is_converged
is_converged.rlmm <- function(x, tolerance = 0.001, ...) {
  structure(isTRUE(x$optinfo$certificate$certified), gradient = max(abs(x$optinfo$gradient)))
}

#' @exportS3Method insight::get_deviance
get_deviance.rlmm <- function(x, ...) deviance(x, REML = FALSE)

#' @exportS3Method insight::get_loglikelihood
get_loglikelihood.rlmm <- function(x, estimator = "REML", ...) {
  logLik(x, REML = if (identical(estimator, "ML")) FALSE)
}

#' @exportS3Method insight::link_inverse
link_inverse.rlmm <- function(x, ...) stats::gaussian()$linkinv

#' @exportS3Method insight::link_function
link_function.rlmm <- function(x, ...) stats::gaussian()$linkfun
