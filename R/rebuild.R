# The model again, from a fitted object: what rlmm_frame() gave, and its state in Rust.

# Without the columns that the fit dropped, so that nothing is reported a second time.
rebuilt_frame <- function(object) {
  structure(class = "rlmm_frame", list(
    formula = object$formula, frame = object$frame, X = fixed_matrix(object),
    y = response_of(object), weights = as_double(stats::model.weights(object$frame)),
    offset = as_double(stats::model.offset(object$frame)), random = random_terms(object),
    contrasts = object$contrasts, REML = object$REML, control = object$control,
    dropped = character(), raw = object$raw
  ))
}

rust_state <- function(object) environment(rlmm_devfun(rebuilt_frame(object)))$model

response_of <- function(object) as.vector(as.double(object$frame[[1L]]))
