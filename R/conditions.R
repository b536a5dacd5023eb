#' Errors, warnings and messages of rlmm
#'
#' Every condition that rlmm signals has a class of its own, so that code can tell them apart.
#'
#' @details
#' An error has the classes `rlmm_<kind>`, `rlmm_error`, `error`, `condition`; warnings and
#' messages have `rlmm_warning` and `rlmm_message` in its place. Where they apply, a condition has
#' the fields `term` (the random-effects term), `column` (the variable, or the column of a model
#' matrix) and `level` (the level of a grouping factor), character strings each.
#'
#' Kinds that concern the input:
#' * `formula`: the formula cannot be read, or a part of it is missing; `no_random_effects`: there
#'   is no random-effects term;
#' * `data`, `duplicate_column`, `missing_variable`, `evaluation`: the data, or a variable in them;
#' * `no_rows`: nothing is left to fit; `missing_values`, `infinite`: what may not be in the data;
#' * `response`, `weights`, `offset`, `subset`, `start`, `contrasts`, `control`, `family`: the
#'   thing of that name; `bad_argument`: another argument;
#' * `group`, `one_level`, `too_many_levels`, `too_many_effects`: a grouping factor or its term;
#' * `one_level_factor`, `too_large`: the model matrix of the fixed effects cannot be built.
#'
#' Kinds that concern the fit: `rank_deficient` (redundant columns were dropped), `singular`,
#' `dependent_effects`, `not_certified`, `not_finite`, `perfect_fit`, `not_positive_definite`,
#' `memory`; `internal` is a defect of this package.
#'
#' Kinds that concern what is asked of a fit: `unknown_name`, `no_method`; `newdata`, `newparams`,
#' `re_form`, `new_levels`, `missing_group` (prediction and simulation); `different_data`,
#' `different_response`, `not_nested`, `comparison`, `reml_comparison`, `reml_deviance` (comparing
#' models); `ddf` (degrees of freedom that cannot be had), `not_estimable`, `cluster`,
#' `redundant_columns` (tests of the fixed effects); `lower_criterion`, `profile_incomplete`,
#' `profile_too_short`, `no_reml_profile`, `no_interval` (profiles and intervals); `bootstrap`
#' (samples without a statistic, or an interrupt); `better_optimum` (a search from other starts
#' found a lower criterion); `missing_package`, `no_counterpart` (another package is needed, or has
#' no such model); `constraint` (see [fit_constrained()]).
#' @name rlmm-conditions
#' @examples
#' tryCatch(
#'   rlmm(Reaction ~ Days + (Days | Person), sleepstudy),
#'   rlmm_missing_variable = function(e) e$column
#' )
NULL

new_condition <- function(kind, type, message, ..., call = NULL) {
  structure(
    class = c(paste0("rlmm_", kind), paste0("rlmm_", type), type, "condition"),
    list(message = message, call = call, ...)
  )
}

stop_rlmm <- function(kind, message, ..., call = NULL) {
  stop(new_condition(kind, "error", message, ..., call = call))
}

warn_rlmm <- function(kind, message, ..., call = NULL) {
  warning(new_condition(kind, "warning", message, ..., call = call))
}

# A message ends its own line, as those of message() do.
inform_rlmm <- function(kind, message, ..., call = NULL) {
  message(new_condition(kind, "message", paste0(message, "\n"), ..., call = call))
}

# Signals a finding as the user chose in rlmm_control(check = ).
signal_as <- function(action, kind, message, ...) {
  switch(action,
    stop = stop_rlmm(kind, message, ...),
    warning = warn_rlmm(kind, message, ...),
    message = inform_rlmm(kind, message, ...),
    ignore = invisible()
  )
}

# Turns an error returned by Rust into an R error, and an interrupt into an interrupt: an error
# would be swallowed by a try() in the user's loop, which would then go on.
rust_result <- function(x) {
  if (!inherits(x, "extendr_error")) return(x)
  value <- x$value
  if (!is.list(value)) stop_rlmm("internal", conditionMessage(x))
  if (identical(value$kind, "interrupt")) {
    signalCondition(structure(list(message = "interrupted", call = NULL),
      class = c("interrupt", "condition")
    ))
    invokeRestart("abort")
  }
  do.call(stop_rlmm, value[!vapply(value, is.null, NA)])
}

# One of the choices, the first when the argument is the default that lists them all.
one_of <- function(value, choices, name) {
  if (identical(value, choices)) return(choices[1L])
  at <- if (is.character(value) && length(value) == 1L) pmatch(value, choices) else NA
  if (!is.na(at)) return(choices[at])
  stop_rlmm("bad_argument", paste0("'", name, "' is one of ", quoted_list(choices)), column = name)
}

# 'a', 'b' and 'c'; at most `limit` of them.
quoted_list <- function(x, limit = 10L) {
  x <- paste0("'", x, "'")
  if (length(x) > limit) x <- c(x[seq_len(limit)], paste(length(x) - limit, "more"))
  if (length(x) == 1L) return(x)
  paste(paste(x[-length(x)], collapse = ", "), "and", x[length(x)])
}

# A confidence level, or another probability that is neither 0 nor 1.
check_level <- function(level) {
  if (!is.numeric(level) || length(level) != 1L || !isTRUE(level > 0 && level < 1)) {
    stop_rlmm("bad_argument", "'level' must be a number between 0 and 1", column = "level")
  }
}

# Packages that are suggested only.
need_package <- function(package, what) {
  if (requireNamespace(package, quietly = TRUE)) return(invisible())
  stop_rlmm("missing_package", paste0(what, " needs the package '", package,
    "', which is not installed"))
}
