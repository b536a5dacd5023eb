# afex_plot(): its default method works by way of emmeans, and needs to be told which variables vary
# within the units that `id` names, for within-subjects errors, and what the units are.

#' @exportS3Method afex::afex_plot
afex_plot.rlmm <- function(object, x, trace, panel, id, within_vars, between_vars,
                           error = "model", ...) {
  caller <- parent.frame()
  call <- match.call(expand.dots = TRUE)
  call[[1L]] <- utils::getS3method("afex_plot", "default", envir = asNamespace("afex"))
  if (missing(id)) id <- grouping_variables(object)
  call$id <- id
  if (error %in% c("within", "between") && missing(within_vars) && missing(between_vars)) {
    shown <- unlist(lapply(c("x", "trace", "panel"), function(name) {
      value <- if (!is.null(call[[name]])) eval(call[[name]], caller)
      if (inherits(value, "formula")) all.vars(value) else value
    }))
    call$within_vars <- variables_within(original_data(object), shown, id)
    call$between_vars <- setdiff(shown, call$within_vars)
  }
  eval(call, caller)
}

grouping_variables <- function(object) {
  unique(unlist(lapply(find_bars(object$formula), function(bar) all.vars(bar[[3L]]))))
}

# Variables that take several values within a level of the units.
variables_within <- function(data, variables, id) {
  unit <- interaction(data[id], drop = TRUE)
  Filter(function(name) {
    any(tapply(as.character(data[[name]]), unit, function(v) length(unique(v)) > 1L))
  }, intersect(variables, names(data)))
}
