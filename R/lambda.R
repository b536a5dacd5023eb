# theta <-> relative covariance factors lambda, and the modes b, at the level of a fitted object.
# Bates, Maechler, Bolker & Walker (2015, JSS 67(1)), section 2.2: b = Lambda(theta) u.

term_sizes <- function(object) lengths(lapply(object$random, `[[`, "columns"))

term_level_counts <- function(object) lengths(lapply(object$random, `[[`, "levels"))

# Position of each term's entries in a vector that joins the terms' parts of the given lengths.
part_index <- function(lengths) {
  split(seq_len(sum(lengths)), rep(factor(seq_along(lengths)), lengths))
}

# Lower triangular lambda of each term from theta (column-major lower triangles, in term order).
lambda_list <- function(object, theta = object$theta) {
  sizes <- term_sizes(object)
  parts <- part_index(sizes * (sizes + 1L) / 2L)
  Map(function(term, part) {
    p <- length(term$columns)
    lambda <- matrix(0, p, p, dimnames = list(term$columns, term$columns))
    lambda[lower.tri(lambda, diag = TRUE)] <- theta[part]
    lambda
  }, object$random, unname(parts))
}

# Covariance of the random effects of one level, relative to sigma^2.
relative_covariances <- function(object, theta = object$theta) {
  lapply(lambda_list(object, theta), tcrossprod)
}

# Conditional modes b of each term: a matrix of levels by columns.
modes <- function(object, theta = object$theta) {
  sizes <- term_sizes(object)
  parts <- part_index(sizes * term_level_counts(object))
  Map(function(term, lambda, part) {
    u <- matrix(object$u[part], nrow = length(term$columns))
    b <- crossprod(u, t(lambda))
    dimnames(b) <- list(term$levels, term$columns)
    b
  }, object$random, lambda_list(object, theta), unname(parts))
}

# Names of theta as lme4 gives them: group.column on the diagonal, group.row.column below it.
theta_names <- function(object) {
  unlist(lapply(object$random, function(term) {
    p <- length(term$columns)
    at <- which(lower.tri(diag(p), diag = TRUE), arr.ind = TRUE)
    below <- at[, 1] != at[, 2]
    labels <- term$columns[at[, 1]]
    labels[below] <- paste(labels[below], term$columns[at[, 2]][below], sep = ".")
    paste(term$group, labels, sep = ".")
  }))
}

# TRUE for the entries of theta that lie on the diagonal of a lambda.
theta_on_diagonal <- function(object) {
  unlist(lapply(term_sizes(object), function(p) {
    d <- diag(p) == 1
    d[lower.tri(d, diag = TRUE)]
  }))
}

# The grouping factors' names, one per factor, and the factor that each term belongs to.
factor_of_term <- function(object) vapply(object$random, `[[`, 1L, "factor")

factor_names <- function(object) {
  first <- !duplicated(factor_of_term(object))
  vapply(object$random[first], `[[`, "", "group")
}
