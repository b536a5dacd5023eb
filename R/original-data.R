# The variables of a model as they were before the formula's functions were applied to them.

# Variables that the formula has inside of calls only, as x in log(x): the model frame does not
# have them. Kept with the fit, for the rows of the frame, so that predictions on a grid of x do not
# depend on what the caller's data hold by then. A variable of another length is a constant.
raw_variables <- function(frame, data, env, subset) {
  names <- all.vars(attr(attr(frame, "terms"), "variables"))
  names <- names[!names %in% names(frame)]
  if (length(names) == 0L) return(NULL)
  values <- lapply(stats::setNames(nm = names), function(name) {
    value <- tryCatch(eval(as.name(name), data, env), error = function(e) NULL)
    at <- rows_of_frame(NROW(value), frame, subset)
    if (!is.list(value) && length(at) == nrow(frame)) rows(value, at)
  })
  as_rows(values[lengths(values) > 0L], frame)
}

# Which of n rows of the data became rows of the frame.
rows_of_frame <- function(n, frame, subset) {
  rows <- seq_len(n)
  if (!is.null(subset)) rows <- if (is.character(subset)) integer() else rows[subset]
  rows <- rows[!is.na(rows)]
  left_out <- attr(frame, "na.action")
  if (length(left_out)) rows[-left_out] else rows
}

# A data frame of columns that belong to the rows of a frame.
as_rows <- function(columns, frame) {
  structure(columns, names = as.character(names(columns)), row.names = attr(frame, "row.names"),
    class = "data.frame")
}

# All variables of the model, by the names they have in the data, for the rows of the frame.
original_data <- function(object) {
  frame <- object$frame
  variables <- all.vars(attr(attr(frame, "terms"), "variables"))
  plain <- unclass(frame)[intersect(names(frame), variables)]
  columns <- c(plain, unclass(object$raw))
  as_rows(columns[intersect(variables, names(columns))], frame)
}
