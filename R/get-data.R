# The data that a model was fitted to, looked for where the user could have them.

#' @rdname extract.rlmm
#' @export
getData.rlmm <- function(object) {
  if (!is.null(object$call$data)) {
    for (place in places_of_data(sys.frames())) {
      data <- tryCatch(eval(object$call$data, place), error = function(e) NULL)
      if (is_data_of(object, data)) return(data)
    }
  }
  kept <- original_data(object)
  if (all(all.vars(object$formula) %in% names(kept))) kept else object$frame
}

# Environments of the functions that are running, from the innermost to the outermost, without those
# of this package, and then the global environment. The formula's own has no data any more.
places_of_data <- function(frames) {
  here <- topenv()
  own <- vapply(frames, function(frame) identical(topenv(frame), here), NA)
  c(rev(as.list(frames)[!own]), globalenv())
}

# Another data frame may have taken the name: the data must have the variables of the formula, and
# those that stand in the model frame as they are must have the same values in its rows.
is_data_of <- function(object, data) {
  if (!is.list(data) || !all(all.vars(object$formula) %in% names(data))) return(FALSE)
  frame <- object$frame
  n <- NROW(data[[all.vars(object$formula)[1L]]])
  labels <- if (is.data.frame(data)) attr(data, "row.names") else seq_len(n)
  rows <- match(attr(frame, "row.names"), labels)
  if (anyNA(rows)) return(FALSE)
  unchanged <- function(name) {
    same_values(frame[[name]], if (NCOL(data[[name]]) == 1L) data[[name]][rows])
  }
  shared <- intersect(names(frame), names(data))
  all(vapply(shared, unchanged, NA))
}

same_values <- function(x, y) {
  if (NCOL(x) != 1L) return(TRUE)
  if (is.factor(x) || is.factor(y)) {
    x <- as.character(x)
    y <- as.character(y)
  }
  identical(as.vector(x), as.vector(y)) || is.numeric(x) && is.numeric(y) && all(x == y)
}
