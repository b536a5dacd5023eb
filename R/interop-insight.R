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
#' @return What insight's functions give for other mixed models.
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
  wanted <- switch(effects, all = names(data), fixed = all.vars(fixed_formula(x$formula)),
    random = grouping_variables(x))
  data <- data[names(data) %in% wanted]
  weights <- frame_argument(x, "weights")
  if (is.null(weights) || effects == "random") return(data)
  data[[if (is.name(x$call$weights)) as.character(x$call$weights) else "(weights)"]] <- weights
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

# weights() has missing values where na.exclude() left rows out; insight has the rows of the fit.
#' @exportS3Method insight::get_weights
get_weights.rlmm <- function(x, na_rm = FALSE, null_as_ones = FALSE, ...) {
  weights <- frame_argument(x, "weights")
  if (is.null(weights) && null_as_ones) rep(1, nrow(x$frame)) else weights
}

#' @exportS3Method insight::link_inverse
link_inverse.rlmm <- function(x, ...) stats::gaussian()$linkinv

#' @exportS3Method insight::link_function
link_function.rlmm <- function(x, ...) stats::gaussian()$linkfun

# compare_performance() and others take models of the classes that they know.
#' @exportS3Method insight::ellipsis_info
ellipsis_info.rlmm <- function(objects, ..., only_models = TRUE, verbose = TRUE) {
  written <- c(substitute(objects), eval(substitute(alist(...))))
  names <- make.unique(vapply(written, text_of, ""))
  models <- lapply(list(objects, ...), function(x) if (inherits(x, "rlmm")) as_merMod(x) else x)
  again <- as.call(c(quote(insight::ellipsis_info), lapply(names, as.name),
    list(only_models = only_models, verbose = verbose)))
  eval(again, list2env(stats::setNames(models, names), parent = globalenv()))
}

#' @exportS3Method insight::get_predicted
get_predicted.rlmm <- function(x, data = NULL, predict = "expectation", ci = NULL,
                               include_random = "default", iterations = NULL, verbose = TRUE, ...) {
  asked <- asked_by_ggeffects()
  if (!is.null(asked)) return(predicted_for_ggeffects(x, data, asked))
  predict <- one_of(predict, c("expectation", "link", "prediction"), "predict")
  level <- if (length(ci) == 0L || is.na(ci[1L])) NULL else ci[1L]
  groups <- group_variables(parse_formula(x$formula)$bars)
  if (identical(include_random, "default")) {
    include_random <- is.null(data) || all(groups %in% names(data))
  }
  kind <- if (predict == "prediction") "prediction" else "confidence"
  re.form <- if (isFALSE(include_random)) NA else if (!isTRUE(include_random)) include_random
  predicted_with_attributes(x, data, re.form, kind, level, predict)
}

# What insight's print() and as.data.frame() expect: the values, and a data frame of limits.
predicted_with_attributes <- function(x, data, re.form, kind, level, predict) {
  p <- predict(x, data, re.form = re.form, allow.new.levels = TRUE, se.fit = TRUE,
    interval = kind, level = if (is.null(level)) 0.95 else level, df = df.residual(x))
  if (is.null(data)) data <- original_data(x)
  se <- (p$fit[, "upr"] - p$fit[, "fit"]) /
    stats::qt((1 + if (is.null(level)) 0.95 else level) / 2, df.residual(x))
  limits <- if (!is.null(level)) {
    data.frame(SE = unname(se), CI_low = unname(p$fit[, "lwr"]),
      CI_high = unname(p$fit[, "upr"]))
  }
  structure(p$fit[, "fit"], ci_data = limits, data = data, ci = level, predict = predict,
    class = c("get_predicted", "numeric"))
}

#' @exportS3Method insight::get_datagrid
get_datagrid.rlmm <- function(x, ...) insight::get_datagrid(as_merMod(x), ...)

#' @exportS3Method datawizard::standardize
standardize.rlmm <- function(x, ...) datawizard::standardize(as_merMod(x), ...)
