# Why a model frame could not be built: stats knows that it failed, the user needs the culprit.

explain_frame_error <- function(e, parsed, data, arguments) {
  if (inherits(e, "rlmm_error")) stop(e)
  env <- environment(parsed$formula)
  missing <- missing_variables(parsed$variables, data, env)
  if (length(missing)) stop_missing(missing[1L], data, place_of(missing[1L], parsed))
  n <- row_count(parsed, data)
  check_argument_length(arguments, n)
  check_variables(parsed, data, env, n)
  if (!is.null(arguments$subset)) {
    stop_rlmm("subset", paste0("the argument 'subset' cannot be used: ", conditionMessage(e)),
      column = "subset")
  }
  stop_rlmm("evaluation", paste0("the model frame cannot be built: ", conditionMessage(e)))
}

# Variables of an expression that are neither in the data nor in the environment. A function of
# that name does not count.
missing_variables <- function(expr, data, env) {
  Filter(function(name) {
    found <- if (is.environment(data)) get0(name, data) else data[[name]]
    if (is.null(found)) found <- get0(name, env)
    is.null(found) || is.function(found)
  }, all.vars(expr))
}

stop_missing <- function(name, data, place) {
  known <- if (is.environment(data)) character() else names(data)
  close <- known[utils::adist(name, known, ignore.case = TRUE) <= max(1, nchar(name) %/% 4)]
  stop_rlmm("missing_variable", paste0("the variable '", name, "' of ", place,
    " is neither in the data nor in the environment of the formula",
    if (length(close)) paste0("; is ", quoted_list(close), " meant?")), term = place, column = name)
}

# Where the formula uses a variable, for a message.
place_of <- function(name, parsed) {
  for (bar in parsed$bars) {
    grouping <- unlist(lapply(bar$groups, function(g) lapply(g$parts, all.vars)))
    if (name %in% grouping) return(paste("the grouping factor of", bar_text(bar$bar)))
    if (name %in% all.vars(bar$left)) return(paste("the random-effects term", bar_text(bar$bar)))
  }
  if (name %in% all.vars(parsed$response)) "the response" else "the fixed effects"
}

row_count <- function(parsed, data) {
  if (is.data.frame(data)) return(nrow(data))
  NROW(tryCatch(eval(parsed$response, data, environment(parsed$formula)), error = function(e) NULL))
}

check_argument_length <- function(arguments, n) {
  for (name in intersect(c("weights", "offset"), names(arguments))) {
    if (!is.null(arguments[[name]]) && NROW(arguments[[name]]) != n) {
      stop_rlmm(name, paste0("the argument '", name, "' has ", NROW(arguments[[name]]),
        " values for ", n, " rows"), column = name)
    }
  }
}

# Each variable by itself: the first that cannot be evaluated, is no vector, or has another length.
check_variables <- function(parsed, data, env, n) {
  variables <- as.list(attr(stats::terms(parsed$variables), "variables"))[-1L]
  for (expr in variables) {
    name <- text_of(expr)
    place <- place_of(c(all.vars(expr), name)[1L], parsed)
    value <- tryCatch(eval(expr, data, env), error = function(e) {
      stop_rlmm("evaluation", paste0("'", name, "' of ", place, " cannot be evaluated: ",
        conditionMessage(e)), term = place, column = name)
    })
    if (!is.atomic(value) || is.null(value)) {
      stop_rlmm("data", paste0("'", name, "' of ", place, " is of type '", typeof(value),
        "'; a vector, factor or matrix is needed"), term = place, column = name)
    }
    if (NROW(value) != n) {
      stop_rlmm("data", paste0("'", name, "' of ", place, " has ", NROW(value), " values for ",
        n, " rows"), term = place, column = name)
    }
  }
}

stop_no_rows <- function(parsed, data) {
  used <- all.vars(parsed$variables)
  all_missing <- Filter(function(name) is.list(data) && length(data[[name]]) &&
    all(is.na(data[[name]])), used)
  stop_rlmm("no_rows", paste0("no rows are left to fit: ",
    if (length(all_missing)) paste0("all values of ", quoted_list(all_missing), " are missing") else
      "'subset' is empty, or each row has a missing value among the variables of the formula"),
  column = if (length(all_missing)) all_missing[1L])
}
