#' A fit of lme4 as a fit of rlmm
#'
#' Takes the model of an lmer fit from the object, and fits it again or adopts its estimates.
#'
#' @param object A fit of `lme4::lmer()`, or one that builds on it, as lmerTest's.
#' @param refit Search for the optimum, from lme4's theta on? With `FALSE` that theta is kept, and
#'   everything else computed at it; [optinfo()] then has the certificate of lme4's optimum.
#' @param control Settings made by [rlmm_control()].
#' @return An object of class `rlmm`, see [rlmm()], with the call of the lmer fit as one of
#'   [rlmm()]. The rows are those of the lmer fit.
#' @section Conditions:
#' Those of [rlmm()]: for an adopted fit that is not at an optimum a warning of class
#' `rlmm_not_certified`. Errors of class `rlmm_no_counterpart` for models that rlmm does not have:
#' generalised and nonlinear ones, and structured covariances. A term `(f || g)` with a factor `f`
#' is the one that lme4 made of it, with correlated effects.
#' @seealso [as_merMod()] for the other way.
#' @examplesIf requireNamespace("lme4", quietly = TRUE)
#' theirs <- lme4::lmer(Reaction ~ Days + (Days | Subject), sleepstudy)
#' as_rlmm(theirs)
#' # was lme4's optimum one?
#' suppressWarnings(optinfo(as_rlmm(theirs, refit = FALSE))$certificate$decrement)
#' @export
as_rlmm <- function(object, refit = TRUE, control = rlmm_control()) {
  check_flag(refit, "refit")
  if (inherits(object, "rlmm")) return(object)
  need_package("lme4", "as_rlmm()")
  if (!methods::is(object, "lmerMod")) {
    stop_rlmm("no_counterpart", paste0("as_rlmm() is for fits of lme4::lmer(), not for an object ",
      "of class '", class(object)[1L], "'"))
  }
  frame <- frame_of_merMod(object, as_control(control))
  theta <- unname(lme4::getME(object, "theta"))
  devfun <- rlmm_devfun(frame)
  check_same_criterion(object, devfun, theta)
  opt <- if (refit) rlmm_optimize(devfun, start_off_boundary(theta, frame)) else
    optimum_at(devfun, theta)
  rlmm_object(environment(devfun)$frame, opt, call_of_merMod(object))
}

# NULL where a variance is zero: the search would take that for a stationary point.
start_off_boundary <- function(theta, frame) {
  if (all(theta[theta_on_diagonal(frame)] > 1e-3)) theta
}

# As rlmm_optimize(), at a given point.
optimum_at <- function(devfun, theta) {
  parts <- environment(devfun)
  opt <- rust_result(rust_adopt(parts$model, theta))
  opt$kept <- parts$kept
  opt
}

# What rlmm_frame() gives, from the model frame of lme4.
frame_of_merMod <- function(object, control) {
  stored <- object@frame
  formula <- stats::formula(object)
  env <- environment(formula)
  parsed <- parse_formula(formula, stored)
  frame <- with_variables_of(stored, parsed)
  parsed$formula <- with_lean_environment(parsed$formula, stored, frame)
  attr(attr(frame, "terms"), ".Environment") <- environment(parsed$formula)
  contrasts <- attr(lme4::getME(object, "X"), "contrasts")
  X <- model_matrix(stats::terms(parsed$fixed), frame, contrasts)
  structure(class = "rlmm_frame", list(
    formula = parsed$formula, frame = frame, X = X, y = frame_response(frame),
    weights = as_double(stats::model.weights(frame)),
    offset = as_double(stats::model.offset(frame)),
    random = build_random_terms(parsed$bars, frame, NULL), contrasts = attr(X, "contrasts"),
    REML = lme4::isREML(object), control = control, dropped = character(),
    raw = raw_of_merMod(object, frame, env)
  ))
}

# The columns that our formula has, with terms of our own.
with_variables_of <- function(stored, parsed) {
  theirs <- attr(stored, "terms")
  predvars <- as.list(attr(theirs, "predvars"))[-1L]
  names(predvars) <- variable_names(theirs)
  terms <- stats::terms(parsed$variables)
  names <- variable_names(terms)
  attr(terms, "predvars") <- as.call(c(quote(list), unname(predvars[names])))
  attr(terms, "dataClasses") <- attr(theirs, "dataClasses")[names]
  frame <- stored[c(names, intersect(c("(weights)", "(offset)"), names(stored)))]
  structure(frame, terms = terms, formula = NULL, offset = NULL,
    na.action = attr(stored, "na.action"))
}

# Variables that stand in calls only, from the data of the call, if these still give the frame.
raw_of_merMod <- function(object, frame, env) {
  call <- object@call
  data <- tryCatch(eval(call$data, env), error = function(e) NULL)
  subset <- tryCatch(eval(call$subset, data, env), error = function(e) NULL)
  raw <- tryCatch(raw_variables(frame, if (is.null(data)) env else data, env, subset),
    error = function(e) NULL)
  if (is.null(raw)) return(NULL)
  terms <- attr(frame, "terms")
  predvars <- as.list(attr(terms, "predvars"))[-1L]
  same <- mapply(function(expr, name) {
    value <- tryCatch(eval(expr, c(unclass(raw), unclass(frame)), env), error = function(e) NULL)
    isTRUE(all.equal(as.vector(value), as.vector(frame[[name]])))
  }, predvars, variable_names(terms))
  if (all(same)) raw
}

# lme4's criterion at its theta must be ours there, or the models are not the same.
check_same_criterion <- function(object, devfun, theta) {
  frame <- environment(devfun)$frame
  why <- NULL
  if (length(theta) != theta_length(frame$random)) {
    why <- paste0("it has ", length(theta), " covariance parameters, and here it would have ",
      theta_length(frame$random))
  } else {
    theirs <- if (frame$REML) lme4::REMLcrit(object) else stats::deviance(object)
    difference <- devfun(theta) - theirs
    if (abs(difference) > 1e-4 + 1e-8 * abs(theirs)) {
      why <- paste0("at lme4's estimates the criterion differs by ", signif(difference, 3))
    }
  }
  if (is.null(why)) return(invisible())
  stop_rlmm("no_counterpart", paste0("the model ", text_of(frame$formula),
    " is not the same in lme4 and here: ", why))
}

call_of_merMod <- function(object) {
  call <- object@call
  kept <- c("formula", "data", "REML", "subset", "weights", "na.action", "offset", "contrasts")
  as.call(c(quote(rlmm), as.list(call)[intersect(kept, names(call))]))
}
