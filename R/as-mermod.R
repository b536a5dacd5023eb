#' A fit as an object of lme4
#'
#' Makes a genuine `lmerMod` object at the estimates of a fit, without a search, for everything that
#' is written for lme4's objects and knows no others.
#'
#' @param object A model fitted by [rlmm()].
#' @return An object of class `lmerMod`, as `lme4::lmer()` gives, with
#' * theta, and all that follows from it, computed by lme4 at our estimates;
#' * the exact gradient and Hessian as derivatives, and the number of evaluations; as optimiser,
#'   with which functions of lme4 will search when they refit, `"bobyqa"`;
#' * a call of `lme4::lmer()` that can be evaluated again anywhere, as lmerTest, pbkrtest and
#'   `influence()` do. Its data are named as in the call of the fit if the global environment has
#'   them; otherwise, as after a fit with `subset` or within a function, `data` is a call of `get()`
#'   for the rows and variables that the fit used.
#'
#' The package lme4 must be installed. Rows of weight zero are left out.
#' @section Errors:
#' `rlmm_no_counterpart` for a model that lme4 cannot express: terms `(f || g)` with a factor `f`,
#' which are uncorrelated effects here and correlated ones in lme4, and grouping factors that are
#' calls, as `(1 | factor(g))`.
#' @seealso [as_rlmm()] for the other way.
#' @examplesIf requireNamespace("lme4", quietly = TRUE)
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' theirs <- as_merMod(fit)
#' class(theirs)
#' lme4::getME(theirs, "theta")
#' @export
as_merMod <- function(object) {
  check_fit(object, "as_merMod")
  refuse_constrained(object, "as_merMod()")
  need_package("lme4", "as_merMod()")
  env <- merMod_environment(object)
  call <- merMod_call(object, env)
  parts <- merMod_parts(object, call, env)
  # as lmer() does, which writes (x || g) as its terms
  call$formula <- attr(parts$fr, "formula")
  devfun <- do.call(lme4::mkLmerDevfun, parts[c("fr", "X", "reTrms", "REML")])
  rho <- environment(devfun)
  par <- if (is.null(rho$mkPar)) object$theta else rho$mkPar(object$theta)
  opt <- merMod_optimum(object, par, devfun(par))
  messages <- if (isSingular(object)) "boundary (singular) fit: see help('isSingular')"
  lme4::mkMerMod(rho, opt, parts$reTrms, parts$fr, call,
    if (is.null(messages)) list() else list(messages = messages))
}

# The data of the fit, under the name that they have in the call, before what the formula needs.
# Versions of lme4 differ in where they look for weights and offset: they are beside the data, too.
merMod_environment <- function(object) {
  data <- original_data(object)
  env <- new.env(parent = environment(object$formula))
  for (argument in arguments_of_fit(object)) {
    data[[argument_column(object, argument)]] <- frame_argument(object, argument)
  }
  data <- data[used_rows(object$frame), , drop = FALSE]
  for (argument in arguments_of_fit(object)) {
    name <- argument_column(object, argument)
    assign(name, data[[name]], env)
  }
  assign(data_name(object), data, env)
  env
}

arguments_of_fit <- function(object) {
  Filter(function(name) !is.null(frame_argument(object, name)), c("weights", "offset"))
}

# Values of an argument that the model frame holds.
frame_argument <- function(object, name) {
  value <- object$frame[[paste0("(", name, ")")]]
  if (!is.null(value)) as.vector(value)
}

data_name <- function(object) {
  if (is.name(object$call$data)) as.character(object$call$data) else ".data"
}

# Functions that evaluate the call do it in frames of their own: what they find by the name there
# must be the data of the fit.
data_expression <- function(object, env) {
  given <- object$call$data
  name <- data_name(object)
  if (is_plain_call(object) && has_data_of_fit(given, get(name, env))) return(given)
  call("get", name, envir = env)
}

# Are all rows of the data, and no others' weights, those of the fit?
is_plain_call <- function(object) {
  columns <- object$call[arguments_of_fit(object)]
  is.null(object$call$subset) && all(vapply(as.list(columns), is.name, NA)) &&
    all(used_rows(object$frame))
}

has_data_of_fit <- function(expr, data) {
  value <- tryCatch(eval(expr, globalenv()), error = function(e) NULL)
  if (!is.data.frame(value) || !all(names(data) %in% names(value))) return(FALSE)
  isTRUE(all.equal(as.data.frame(value)[row.names(data), names(data), drop = FALSE], data,
    check.attributes = FALSE))
}

# The column that weights or offset are in: that of their own name, if they were given by name.
argument_column <- function(object, argument) {
  given <- object$call[[argument]]
  if (is.name(given)) as.character(given) else paste0(".", argument)
}

merMod_call <- function(object, env) {
  formula <- object$formula
  environment(formula) <- env
  call <- call("lmer", formula = formula, data = data_expression(object, env))
  call[[1L]] <- quote(lme4::lmer)
  if (!object$REML) call$REML <- FALSE
  for (argument in arguments_of_fit(object)) {
    call[[argument]] <- as.name(argument_column(object, argument))
  }
  contrasts <- contrasts_of_fit(object)
  if (!is.null(object$call$contrasts) && length(contrasts)) call$contrasts <- contrasts
  call
}

# lme4's frame and matrices. The calls in the formula, as poly(x, 2), give what they gave in the
# fit: on the rows that were left some of them would have another basis.
merMod_parts <- function(object, call, env) {
  replay <- replay_environment(object, env)
  call[[1L]] <- quote(lme4::lFormula)
  call$REML <- object$REML
  environment(call$formula) <- replay
  call$control <- lme4::lmerControl(check.nobs.vs.nRE = "ignore", check.nobs.vs.nlev = "ignore",
    check.nobs.vs.rankZ = "ignore", check.nlev.gtr.1 = "ignore", check.rankX = "ignore",
    check.scaleX = "ignore")
  parts <- tryCatch(suppressWarnings(eval(call, replay)), error = function(e) {
    stop_no_counterpart(object, conditionMessage(e))
  })
  check_same_terms(object, parts$reTrms)
  parts$X <- kept_columns(parts$X, object$dropped)
  environment(attr(parts$fr, "formula")) <- env
  attr(parts$fr, "terms") <- terms_as_in_fit(attr(parts$fr, "terms"), attr(parts$fr, "formula"),
    object, env)
  attr(parts$fr, "na.action") <- attr(object$frame, "na.action")
  parts
}

# lme4's terms, with what is needed to evaluate the variables on new data from the fit.
terms_as_in_fit <- function(terms, formula, object, env) {
  ours <- attr(object$frame, "terms")
  known <- as.list(attr(ours, "predvars"))[-1L]
  names(known) <- variable_names(ours)
  evaluated <- function(names) as.call(c(quote(list), unname(known[names])))
  attr(terms, ".Environment") <- env
  attr(terms, "predvars") <- evaluated(variable_names(terms))
  attr(terms, "predvars.fixed") <- evaluated(intersect(attr(terms, "varnames.fixed"), names(known)))
  bars <- parse_formula(formula)$bars
  # predict() takes them by position: term by term, as lme4 wrote the terms
  random <- unique(unlist(lapply(bars, function(bar) {
    c(left_variables(list(bar)), group_variables(list(bar)))
  })))
  attr(terms, "predvars.random") <- evaluated(c(names(known)[attr(ours, "response")], random))
  terms
}

stop_no_counterpart <- function(object, why) {
  stop_rlmm("no_counterpart", paste0("lme4 cannot express the model ", text_of(object$formula),
    ": ", why))
}

# Functions by the names of those that head the frame's variables; they give the frame's columns.
replay_environment <- function(object, env) {
  frame <- object$frame[used_rows(object$frame), , drop = FALSE]
  replay <- new.env(parent = env)
  original <- function(name) get(name, env, mode = "function")
  variables <- as.list(attr(attr(frame, "terms"), "variables"))[-1L]
  for (head in unique(unlist(lapply(Filter(is.call, variables), call_head)))) {
    local({
      own <- original(head)
      assign(head, function(...) {
        stored <- frame[[text_of(sys.call())]]
        if (is.null(stored)) own(...) else stored
      }, replay)
    })
  }
  replay
}

# f of f(x); pkg::f(x) is left to itself, for want of a name.
call_head <- function(expr) if (is.name(expr[[1L]])) as.character(expr[[1L]])

check_same_terms <- function(object, reTrms) {
  ours <- lapply(object$random, `[[`, "columns")
  if (identical(unname(reTrms$cnms), ours) && length(reTrms$theta) == length(object$theta)) {
    return(invisible())
  }
  stop_no_counterpart(object, paste0("its terms would have the effects ",
    quoted_list(vapply(reTrms$cnms, toString, "")), ", and not ",
    quoted_list(vapply(ours, toString, ""))))
}

# A model matrix without the columns that the fit dropped, with the attributes that lme4 gives it.
kept_columns <- function(X, dropped) {
  if (length(dropped) == 0L) return(X)
  at <- match(dropped, colnames(X))
  structure(X[, -at, drop = FALSE], assign = attr(X, "assign")[-at],
    contrasts = attr(X, "contrasts"), col.dropped = stats::setNames(at, dropped),
    msgRankdrop = paste("fixed-effect model matrix is rank deficient so dropping", length(at),
      if (length(at) == 1L) "column / coefficient" else "columns / coefficients"))
}

# The record of the search, as lme4's optimisers leave it.
merMod_optimum <- function(object, par, criterion) {
  at <- rust_result(rust_at(rust_state(object), object$theta, TRUE))
  structure(
    list(par = par, fval = criterion, feval = object$optinfo$evaluations,
      conv = 0L, message = object$optinfo$certificate$text),
    optimizer = "bobyqa", control = list(),
    derivs = list(gradient = at$gradient, Hessian = at$hessian), warnings = list()
  )
}
