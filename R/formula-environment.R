# An environment for a fitted model's formula that does not drag the caller's data along.

# Keeps what prediction needs: functions and constants, such as knots, that the formula names and
# that are not to be found from the global environment anyway. Data are in the model frame.
with_lean_environment <- function(formula, data, frame) {
  env <- environment(formula)
  if (identical(env, globalenv())) return(formula)
  columns <- if (is.list(data)) names(data)
  variables <- all.vars(formula)
  names <- c(setdiff(variables, columns), setdiff(all.names(formula), variables))
  n <- nrow(frame) + length(attr(frame, "na.action"))
  homes <- new.env(parent = emptyenv())
  environment(formula) <- copy_objects(names, env, homes, n)
  formula
}

# Copies named objects to the lean counterpart of their environment, which is returned. Vectors of
# n rows are data.
copy_objects <- function(names, from, homes, n) {
  to <- lean_counterpart(from, homes)
  for (name in names) {
    value <- local_object(name, from)
    if (is.null(value) || exists(name, to, inherits = FALSE)) next
    if (is.function(value)) {
      # there before its own body is looked at: it may call itself
      assign(name, value, to)
      assign(name, lean_function(value, homes, n), to)
    } else if (NROW(value) != n && !is.environment(value)) {
      assign(name, value, to)
    }
  }
  to
}

# One lean environment for each environment that objects come from.
lean_counterpart <- function(env, homes) {
  for (pair in homes$pairs) if (identical(pair$from, env)) return(pair$to)
  to <- new.env(parent = globalenv())
  homes$pairs <- c(homes$pairs, list(list(from = env, to = to)))
  to
}

# The object of that name in the environments before the global one; NULL if there is none.
local_object <- function(name, env) {
  while (!identical(env, globalenv()) && !identical(env, .BaseNamespaceEnv) &&
    !identical(env, emptyenv())) {
    if (exists(name, env, inherits = FALSE)) return(get(name, env))
    env <- parent.env(env)
  }
}

# A local function moves to a lean environment, with the local objects that it uses itself.
lean_function <- function(f, homes, n) {
  home <- environment(f)
  if (is.null(home) || isNamespace(home) || identical(home, globalenv())) return(f)
  own <- c(names(formals(f)), assigned_names(body(f)))
  used <- unique(c(all.names(body(f)), unlist(lapply(formals(f), all.names))))
  f <- utils::removeSource(f)
  environment(f) <- copy_objects(setdiff(used, own), home, homes, n)
  f
}

assigned_names <- function(expr) {
  if (!is.call(expr)) return(character())
  own <- if (operator(expr) %in% c("<-", "=", "for") && is.name(expr[[2L]])) {
    as.character(expr[[2L]])
  }
  c(own, unlist(lapply(as.list(expr), function(part) if (!missing(part)) assigned_names(part))))
}
