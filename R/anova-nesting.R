# Is one model a special case of another? Decided by what the models say about mean and covariance
# of the response, not by the formulas.

# The space of the fixed effects of `small` is within that of `large`.
mean_is_nested <- function(small, large) {
  shift <- small$offset - large$offset
  inside(cbind(small$X, if (any(shift != 0)) shift), large$X)
}

same_mean <- function(a, b) {
  ncol(a$X) == ncol(b$X) && all(a$offset == b$offset) && mean_is_nested(a, b)
}

# Are the REML criteria on the same scale? They contain the determinant of X'X, which depends on
# the coding of the columns.
same_reml_scale <- function(a, b) {
  same_mean(a, b) && all(a$weights == b$weights) &&
    abs(log_volume(a$X) - log_volume(b$X)) < 1e-6
}

log_volume <- function(X) if (ncol(X)) sum(log(abs(diag(qr.R(qr(X)))))) else 0

# Are the columns of `part` combinations of those of `whole`?
inside <- function(part, whole) {
  if (ncol(part) == 0L) return(TRUE)
  if (ncol(whole) == 0L) return(all(part == 0))
  size <- sqrt(colSums(part^2))
  # lengths of one, so that the tolerance of the decomposition fits
  whole <- whole / rep(pmax(sqrt(colSums(whole^2)), 1e-300), each = nrow(whole))
  rest <- qr.resid(qr(whole, tol = 1e-9), part)
  all(sqrt(colSums(rest^2)) <= 1e-6 * size)
}

# The covariance matrices that `small` can have are among those of `large`. Both are linear
# families, sum_k c_k D_k: one general member of the first must lie in the second. The matrices are
# too large to be formed; their products with a few vectors are compared.
covariance_is_nested <- function(small, large) {
  vectors <- probe_vectors(length(small$y), 3L)
  of_small <- products(small$terms, small$weights, vectors)
  member <- of_small %*% (1 + abs(probe_vectors(ncol(of_small), 1L)))
  inside(member, products(large$terms, large$weights, vectors))
}

# The same for two single terms, without the residual variance.
term_is_nested <- function(small, large) {
  vectors <- probe_vectors(length(small$codes), 3L)
  of_small <- products(list(small), NULL, vectors)
  member <- of_small %*% (1 + abs(probe_vectors(ncol(of_small), 1L)))
  inside(member, products(list(large), NULL, vectors))
}

same_term <- function(a, b) ncol(a$Z) == ncol(b$Z) && term_is_nested(a, b)

# D_k times the vectors, one column for each variance and covariance of each term and, with
# weights, for the residual variance.
products <- function(terms, weights, vectors) {
  of_terms <- lapply(terms, function(term) {
    sums <- lapply(seq_len(ncol(vectors)), function(j) {
      rowsum(term$Z * vectors[, j], term$codes)[match_codes(term$codes), , drop = FALSE]
    })
    sums <- do.call(rbind, sums)
    Z <- term$Z[rep(seq_along(term$codes), ncol(vectors)), , drop = FALSE]
    at <- which(lower.tri(diag(ncol(Z)), diag = TRUE), arr.ind = TRUE)
    one <- Z[, at[, 1L], drop = FALSE] * sums[, at[, 2L], drop = FALSE]
    other <- Z[, at[, 2L], drop = FALSE] * sums[, at[, 1L], drop = FALSE]
    one + other
  })
  residual <- if (!is.null(weights)) as.vector(vectors / weights)
  do.call(cbind, c(of_terms, list(residual)))
}

# Rows of rowsum() that belong to the codes: it sorts them.
match_codes <- function(codes) match(codes, sort(unique(codes)))

# Numbers without any structure that a design could have. They are not random, so that comparing
# models leaves the random number generator alone.
probe_vectors <- function(n, columns) {
  x <- outer(seq_len(n), seq_len(columns), function(i, j) sin(12.9898 * i + 78.233 * j))
  x <- 43758.5453 * x
  x - floor(x) - 0.5
}

# The smaller is a special case of the larger model: TRUE, or what contradicts that.
nesting <- function(small, large) {
  if (!mean_is_nested(small, large)) return("fixed effects")
  if (!covariance_is_nested(small, large)) return("random effects or weights")
  TRUE
}
