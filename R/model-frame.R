# The model frame, and what is read from it: response, fixed-effects matrix, weights, offset.

#' Fitting in steps
#'
#' What [rlmm()] does, one step at a time: `rlmm_frame()` reads the formula and the data,
#' `rlmm_devfun()` makes the criterion a function of the covariance parameters theta,
#' `rlmm_optimize()` finds its minimum, and `rlmm_object()` makes a fitted model of it.
#'
#' @inheritParams rlmm
#' @param frame The value of `rlmm_frame()`.
#' @param devfun The value of `rlmm_devfun()`.
#' @param opt The value of `rlmm_optimize()`.
#' @param call The call that the fitted model is to show.
#' @return
#' `rlmm_frame()` gives a list of class `rlmm_frame`:
#' * `formula`, with an environment that holds nothing but the functions and constants that the
#'   formula needs; `frame`, the model frame of all variables;
#' * `X`, the model matrix of the fixed effects with redundant columns, if any; `y`; `weights` and
#'   `offset`, `NULL` where there are none; `contrasts`, those of `X`;
#' * `random`, one list for each random-effects term, terms with many levels first: `group`, the
#'   name of the grouping factor; `name`, that of the term; `columns`, `levels`; `codes`, the level
#'   of each row; `Z`, the model matrix of the left side (`NULL` for the intercept alone); `factor`,
#'   the same number for terms with the same grouping factor; `kind`; `call`, the bar as text;
#' * `REML`, `control`, `dropped` (filled in by the fit); `raw`, a data frame of the variables that
#'   the formula has in calls only, as `x` in `log(x)`.
#'
#' `rlmm_devfun()` gives a function of theta. `rlmm_optimize()` gives a list with `theta`, `beta`,
#' `u`, `sigma`, `criterion`, `gradient`, `hessian`, `evaluations`, `trace`, `certificate` and
#' `factorisation`, see [optinfo()].
#' `rlmm_object()` gives an object of class `rlmm`.
#' @section Errors:
#' Those of [rlmm()], see [rlmm-conditions].
#' @examples
#' frame <- rlmm_frame(Reaction ~ Days + (Days | Subject), sleepstudy)
#' devfun <- rlmm_devfun(frame)
#' devfun(c(1, 0, 1))
#' opt <- rlmm_optimize(devfun)
#' opt$theta
#' rlmm_object(frame, opt)
#' @name rlmm-steps
NULL

#' @rdname rlmm-steps
#' @export
rlmm_frame <- function(formula, data, subset, weights, na.action, offset, contrasts = NULL,
                       control = rlmm_control(), REML = TRUE) {
  call <- as_written(match.call(), environment())
  if (missing(formula)) stop_rlmm("formula", "'formula' is missing")
  formula <- as_formula(formula, parent.frame())
  read_frame(formula, if (!missing(data)) data, call,
    if (!missing(na.action)) list(na.action = na.action), contrasts, control, REML)
}

# For rlmm() and rlmm_frame(), both of which have the user's expressions for `subset`, `weights` and
# `offset` in their call. `na.action` is a list with the argument, NULL if it was not given.
read_frame <- function(formula, data, call, na.action, contrasts, control, REML) {
  control <- as_control(control)
  check_flag(REML, "REML")
  data <- check_data(data, formula)
  parsed <- parse_formula(formula, data)
  arguments <- c(evaluate_arguments(call, data, environment(formula)), na.action)
  frame <- build_frame(parsed, data, arguments)
  parsed$formula <- with_lean_environment(parsed$formula, data, frame)
  attr(attr(frame, "terms"), ".Environment") <- environment(parsed$formula)
  check_contrasts(contrasts, frame)

  y <- frame_response(frame)
  X <- model_matrix(stats::terms(parsed$fixed), frame, contrasts)
  random <- build_random_terms(parsed$bars, frame, contrasts)
  check_random_terms(random, used_row_count(frame), control$check)
  out <- list(
    formula = parsed$formula, frame = frame, X = X, y = y,
    weights = as_double(stats::model.weights(frame)),
    offset = as_double(stats::model.offset(frame)),
    random = random, contrasts = attr(X, "contrasts"), REML = REML, control = control,
    dropped = character(), raw = raw_variables(frame, data, environment(formula), arguments$subset)
  )
  class(out) <- "rlmm_frame"
  out
}

# What the formula is evaluated in: the data frame or list, or the formula's environment.
check_data <- function(data, formula) {
  if (is.null(data)) return(environment(formula))
  if (is.environment(data)) return(data)
  if (!is.list(data)) {
    stop_rlmm("data", paste0("'data' must be a data frame or a list, not ",
      if (is.matrix(data)) "a matrix; as.data.frame() makes one of it" else
        paste0("an object of class '", class(data)[1L], "'")))
  }
  if (!anyDuplicated(names(data))) return(data)
  twice <- intersect(names(data)[duplicated(names(data))], all.vars(formula))
  if (length(twice)) {
    stop_rlmm("duplicate_column", paste0("the data have more than one column ",
      quoted_list(twice), ", which the formula uses; rename the others"), column = twice[1L])
  }
  data
}

# subset, weights and offset, evaluated once: in the data, then in the formula's environment.
evaluate_arguments <- function(call, data, env) {
  values <- list()
  for (name in c("subset", "weights", "offset")) {
    if (is.null(call[[name]])) next
    values[[name]] <- tryCatch(eval(call[[name]], data, env), error = function(e) {
      missing <- missing_variables(call[[name]], data, env)
      if (length(missing)) stop_missing(missing[1L], data, paste0("the argument '", name, "'"))
      stop_rlmm("evaluation", paste0("the argument '", name, "' cannot be evaluated: ",
        conditionMessage(e)), column = name)
    })
  }
  if (!is.null(values$weights)) check_weights(values$weights, values$subset)
  if (!is.null(values$offset) && !is.numeric(values$offset)) {
    stop_rlmm("offset", "the argument 'offset' must be numeric", column = "offset")
  }
  values
}

check_weights <- function(weights, subset) {
  if (!is.numeric(weights) || NCOL(weights) != 1L) {
    stop_rlmm("weights", "the argument 'weights' must be a numeric vector", column = "weights")
  }
  used <- if (is.numeric(subset) || is.logical(subset)) weights[subset] else weights
  bad <- which(!is.finite(used) | used < 0)
  if (length(bad) && is.logical(subset)) bad <- bad[!is.na(which_kept(subset)[bad])]
  if (length(bad)) {
    stop_rlmm("weights", paste0("weights must be finite and not negative; there is ",
      used[bad[1L]], " among them; leave out such rows with 'subset', or give them weight 0"),
    column = "weights")
  }
  if (length(used) && all(used == 0)) {
    stop_rlmm("weights", "all weights are zero", column = "weights")
  }
}

# A row whose value in `subset` is NA is left out.
which_kept <- function(subset) seq_along(subset)[subset]

build_frame <- function(parsed, data, arguments) {
  arguments["na.action"] <- list(na_action_for(arguments, data))
  # the arguments stand in the call as values, so that nothing is evaluated a second time
  call <- as.call(c(
    quote(stats::model.frame.default), list(formula = quote(parsed$variables), data = quote(data)),
    arguments
  ))
  frame <- withCallingHandlers(eval(call),
    error = function(e) explain_frame_error(e, parsed, data, arguments))
  if (.row_names_info(frame, 2L) == 0L) stop_no_rows(parsed, data)
  columns <- unclass(frame)
  for (i in seq_along(columns)) {
    check_column(columns[[i]], names(columns)[i])
    if (!has_unused_levels(columns[[i]])) next
    frame[[i]] <- without_unused(columns[[i]], names(columns)[i])
  }
  frame
}

# The na.action of the call, of the data or of the session, as in lm(). The usual ones copy the
# frame even when nothing is missing, which takes longer than all the rest.
na_action_for <- function(arguments, data) {
  action <- getOption("na.action")
  of_data <- attr(data, "na.action")
  if (!is.null(of_data) && mode(of_data) != "numeric") action <- of_data
  if ("na.action" %in% names(arguments)) action <- arguments$na.action
  if (is.character(action)) action <- match.fun(action)
  fails <- identical(action, stats::na.fail)
  if (!fails && !identical(action, stats::na.omit) && !identical(action, stats::na.exclude)) {
    return(action)
  }
  function(frame) {
    if (!anyNA(unclass(frame), recursive = TRUE)) return(frame)
    if (fails) stop_missing_values(names(frame)[vapply(frame, anyNA, NA)][1L])
    action(frame)
  }
}

stop_missing_values <- function(name) {
  name <- argument_name(name)
  stop_rlmm("missing_values", paste0("there are missing values in '", name,
    "'; use na.action = na.omit or na.exclude"), column = name)
}

# The frame's columns for the arguments have names in parentheses.
argument_name <- function(name) {
  switch(name, "(weights)" = "weights", "(offset)" = "offset", name)
}

has_unused_levels <- function(x) is.factor(x) && !all(tabulate(x, nlevels(x)) > 0L)

# Contrasts given by name hold for fewer levels, those given as a matrix do not.
without_unused <- function(x, name) {
  contrasts <- attr(x, "contrasts")
  kept <- which(tabulate(x, nlevels(x)) > 0L)
  x <- structure(renumbered(as.integer(x), kept, nlevels(x)), names = names(x),
    levels = levels(x)[kept], class = oldClass(x))
  if (is.character(contrasts)) attr(x, "contrasts") <- contrasts
  if (is.matrix(contrasts)) {
    warn_rlmm("contrasts", paste0("the contrasts of the factor '", name, "' are not used: it has ",
      "fewer levels in the data than they are for"), column = name)
  }
  x
}

# Neither NA nor Inf may reach the fit. A sum is finite only when all its parts are.
check_column <- function(x, name) {
  number <- is.double(x)
  if (if (number) is.finite(sum(unclass(x))) else !anyNA(x)) return(invisible())
  if (number && !anyNA(x) && all(is.finite(x))) return(invisible())
  if (anyNA(x)) stop_missing_values(name)
  name <- argument_name(name)
  stop_rlmm("infinite", paste0("there are infinite values in '", name, "' (row ",
    which(!is.finite(rowSums(as.matrix(unclass(x)))))[1L], "); remove them or make them NA"),
  column = name)
}

frame_response <- function(frame) {
  y <- .subset2(frame, 1L)
  name <- names(frame)[1L]
  bad <- function(what) {
    stop_rlmm("response", paste0("the response '", name, "' ", what), column = name)
  }
  glmm <- "; a numeric response is needed (for binary or count data see lme4::glmer())"
  if (is.factor(y)) bad(paste0("is a factor", glmm))
  if (is.character(y)) bad(paste0("is a character vector", glmm))
  if (is.logical(y)) bad(paste0("is logical", glmm))
  if (NCOL(y) != 1L) bad(paste0("is a matrix of ", NCOL(y), " columns; one column is needed"))
  if (!typeof(y) %in% c("double", "integer") || inherits(y, c("Date", "POSIXt", "integer64"))) {
    bad(paste0("has class '", class(y)[1L], "'; it must be numeric"))
  }
  y <- as.vector(as.double(y))
  used <- rows(y, used_or_all(frame))
  if (used[1L] == used[length(used)] && all(used == used[1L])) {
    bad(paste0("is constant (", format(used[1L]), "); there is nothing to explain"))
  }
  y
}

# Rows of weight zero stay in the frame, and out of the fit.
used_rows <- function(frame) {
  used <- used_or_all(frame)
  if (is.null(used)) rep(TRUE, nrow(frame)) else used
}

# NULL without weights.
used_or_all <- function(frame) {
  weights <- .subset2(frame, "(weights)")
  if (!is.null(weights)) as.vector(weights > 0)
}

used_row_count <- function(frame) {
  used <- used_or_all(frame)
  if (is.null(used)) .row_names_info(frame, 2L) else sum(used)
}

as_double <- function(x) if (!is.null(x)) as.vector(as.double(x))

check_flag <- function(x, name) {
  if (!isTRUE(x) && !isFALSE(x)) {
    stop_rlmm("bad_argument", paste0("'", name, "' must be TRUE or FALSE"), column = name)
  }
}
