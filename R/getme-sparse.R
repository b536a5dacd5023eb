# Sparse matrices of the model, in lme4's layout: terms in order, levels within terms, columns
# within levels. Built on demand; the fit itself never forms them.

# Z' with the data of one row of the frame in a column.
sparse_Zt <- function(object) {
  n <- nrow(object$frame)
  sizes <- term_sizes(object)
  start <- c(0L, cumsum(effects_by_term(object)))
  parts <- lapply(seq_along(sizes), function(i) {
    term <- random_terms(object)[[i]]
    Z <- left_matrix(term, n)
    first <- start[i] + (term$codes - 1L) * sizes[i]
    list(row = rep(first, sizes[i]) + rep(seq_len(sizes[i]), each = n),
      column = rep(seq_len(n), sizes[i]), x = as.vector(Z))
  })
  row <- unlist(lapply(parts, `[[`, "row"))
  used <- !is.na(row)
  Matrix::sparseMatrix(
    i = row[used], j = unlist(lapply(parts, `[[`, "column"))[used],
    x = unlist(lapply(parts, `[[`, "x"))[used], dims = c(start[length(start)], n),
    dimnames = list(effect_levels(object), row.names(object$frame))
  )
}

effect_levels <- function(object) {
  unlist(lapply(object$random, function(term) rep(term$levels, each = length(term$columns))))
}

Zt_by_column <- function(object) {
  Zt <- sparse_Zt(object)
  rows <- part_index(effects_by_term(object))
  out <- unlist(Map(function(term, at) {
    p <- length(term$columns)
    lapply(seq_len(p), function(k) Zt[at[(seq_along(at) - 1L) %% p + 1L == k], , drop = FALSE])
  }, object$random, unname(rows)), recursive = FALSE)
  names(out) <- unlist(lapply(object$random, function(t) paste(t$group, t$columns, sep = ".")))
  out
}

# Index into theta of the nonzero entries of Lambda', column by column.
lambda_index <- function(object) {
  before <- c(0L, cumsum(parameters_by_term(object)))
  unlist(Map(function(p, l, at) {
    index <- matrix(0L, p, p)
    index[lower.tri(index, diag = TRUE)] <- at + seq_len(p * (p + 1L) / 2L)
    transposed <- t(index)
    rep(transposed[upper.tri(transposed, diag = TRUE)], l)
  }, term_sizes(object), term_level_counts(object), before[-length(before)]))
}

sparse_Lambda <- function(object) {
  start <- c(0L, cumsum(effects_by_term(object)))
  entries <- Map(function(p, l, at) {
    inside <- which(lower.tri(diag(p), diag = TRUE), arr.ind = TRUE)
    # Lambda' column by column is Lambda row by row
    inside <- inside[order(inside[, 1], inside[, 2]), , drop = FALSE]
    shift <- rep(at + (seq_len(l) - 1L) * p, each = nrow(inside))
    cbind(shift + rep(inside[, 1], l), shift + rep(inside[, 2], l))
  }, term_sizes(object), term_level_counts(object), start[-length(start)])
  entries <- do.call(rbind, entries)
  Matrix::sparseMatrix(i = entries[, 1], j = entries[, 2],
    x = object$theta[lambda_index(object)], dims = rep(start[length(start)], 2L))
}

sparse_A <- function(object) Matrix::t(sparse_Lambda(object)) %*% sparse_Zt(object)

root_weights <- function(object) {
  w <- stats::model.weights(object$frame)
  if (is.null(w)) rep(1, nrow(object$frame)) else sqrt(w)
}

weighted_A <- function(object) sparse_A(object) %*% Matrix::Diagonal(x = root_weights(object))

# JSS 67(1), equation 20: L L' = P (Lambda' Z' W Z Lambda + I) P'.
cholesky_L <- function(object) {
  Matrix::Cholesky(Matrix::tcrossprod(weighted_A(object)), perm = TRUE, LDL = FALSE, Imult = 1)
}

# JSS 67(1), equation 21: L RZX = P Lambda' Z' W X.
factor_RZX <- function(object) {
  L <- cholesky_L(object)
  right <- weighted_A(object) %*% (fixed_matrix(object) * root_weights(object))
  RZX <- Matrix::solve(L, Matrix::solve(L, right, system = "P"), system = "L")
  out <- as.matrix(RZX)
  dimnames(out) <- list(NULL, names(object$beta))
  out
}
