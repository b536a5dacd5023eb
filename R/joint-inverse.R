# Variances of linear combinations of random and fixed effects, row by row, without forming their
# joint covariance. The factor with the most effects is eliminated first, level by level; what
# remains (the other random effects and the fixed effects) has the Schur complement S:
#   z'C^-1 z = |E|^2 + t'S^-1 t,   E = L_j^-1 z_1,   t = z_2 - G_j'E,   G_j = L_j^-1 B_j,
# with L_j the Cholesky factor of level j's block and B_j its block beside the remaining columns.
# Bates, Maechler, Bolker & Walker (2015, JSS 67(1)), section 3, with one block set apart.

# The largest Schur complement that is inverted as a dense matrix.
DENSE_INVERSE_LIMIT <- 6000L

joint_inverse <- function(object) {
  terms <- random_terms(object)
  sizes <- vapply(split(effects_by_term(object), factor_of_term(object)), sum, 0)
  is_lead <- factor_of_term(object) == as.integer(names(which.max(sizes)))
  joint <- list(lambda = lambda_list(object), lead = which(is_lead), rest = which(!is_lead),
    levels = term_level_counts(object), object = object)
  root_w <- root_weights(object)
  parts <- joint_columns(joint, terms, fixed_matrix(object))
  joint$L <- level_factors(parts$Z1 * root_w, parts$codes, joint$levels[joint$lead[1L]])
  Es <- sparse_by_level(joint, whiten_rows(joint$L, parts$Z1, parts$codes), parts$codes)
  W_half <- Matrix::Diagonal(x = root_w)
  rest <- W_half %*% parts$rest
  joint$G <- Matrix::crossprod(W_half %*% Es, rest)
  n_random <- ncol(rest) - length(object$beta)
  identity <- Matrix::Diagonal(x = rep(c(1, 0), c(n_random, length(object$beta))))
  S <- Matrix::crossprod(rest) - Matrix::crossprod(joint$G) + identity
  joint$fixed <- n_random + seq_along(object$beta)
  invert_schur(joint, Matrix::forceSymmetric(S))
}

invert_schur <- function(joint, S) {
  m <- nrow(S)
  unit <- matrix(0, m, length(joint$fixed))
  unit[cbind(joint$fixed, seq_along(joint$fixed))] <- 1
  if (m <= DENSE_INVERSE_LIMIT) {
    joint$inverse <- if (m) chol2inv(chol(as.matrix(S))) else matrix(0, 0, 0)
    joint$solve <- function(right) as.matrix(joint$inverse %*% right)
    joint$fixed_columns <- joint$inverse[, joint$fixed, drop = FALSE]
  } else {
    factor <- Matrix::Cholesky(S, LDL = FALSE)
    joint$solve <- function(right) as.matrix(Matrix::solve(factor, right))
    joint$fixed_columns <- joint$solve(unit)
  }
  joint
}

# Columns of T'[Z X]' for any rows: those of the leading factor, and the others as a sparse matrix.
# A code of NA stands for a level that the fit does not have.
joint_columns <- function(joint, terms, X) {
  n <- nrow(X)
  scaled <- Map(function(term, lambda) left_matrix(term, n) %*% lambda, terms, joint$lambda)
  codes <- terms[[joint$lead[1L]]]$codes
  Z1 <- do.call(cbind, scaled[joint$lead])
  Z1[is.na(codes), ] <- 0
  blocks <- Map(function(term, Z, levels) sparse_codes(Z, term$codes, levels),
    terms[joint$rest], scaled[joint$rest], joint$levels[joint$rest])
  fixed <- sparse_codes(whitened_fixed(joint$object, X), rep(1L, n), 1L)
  list(Z1 = unname(Z1), codes = codes, rest = do.call(cbind, c(unname(blocks), list(fixed))))
}

# Rows of Z spread to the columns of their levels.
sparse_codes <- function(Z, codes, levels) {
  p <- ncol(Z)
  row <- rep(which(!is.na(codes)), p)
  column <- (rep(codes[!is.na(codes)], p) - 1L) * p + rep(seq_len(p), each = sum(!is.na(codes)))
  Matrix::sparseMatrix(i = row, j = column, x = as.vector(Z[!is.na(codes), ]),
    dims = c(nrow(Z), p * levels))
}

sparse_by_level <- function(joint, E, codes) sparse_codes(E, codes, joint$levels[joint$lead[1L]])

# Cholesky factors of I + Z'WZ for every level at once: L[[a]][[b]] has entry [a, b] by level.
level_factors <- function(Z, codes, levels) {
  p <- ncol(Z)
  inside <- !is.na(codes)
  group <- factor(codes[inside], seq_len(levels))
  products <- function(a, b) {
    sums <- rowsum(Z[inside, a] * Z[inside, b], group)
    out <- numeric(levels)
    out[as.integer(rownames(sums))] <- sums
    out
  }
  L <- rep(list(vector("list", p)), p)
  for (b in seq_len(p)) {
    for (a in b:p) {
      entry <- products(a, b) + (a == b)
      for (k in seq_len(b - 1L)) entry <- entry - L[[a]][[k]] * L[[b]][[k]]
      L[[a]][[b]] <- if (a == b) sqrt(entry) else entry / L[[b]][[b]]
    }
  }
  L
}

# L_j^-1 z for each row, j the level of the row.
whiten_rows <- function(L, Z, codes) {
  for (a in seq_len(ncol(Z))) {
    for (b in seq_len(a - 1L)) Z[, a] <- Z[, a] - L[[a]][[b]][codes] * Z[, b]
    Z[, a] <- Z[, a] / L[[a]][[a]][codes]
  }
  Z[is.na(codes), ] <- 0
  Z
}

# E and t of any rows.
joint_rows <- function(joint, terms, X) {
  parts <- joint_columns(joint, terms, X)
  E <- whiten_rows(joint$L, parts$Z1, parts$codes)
  # z_2 - G_j'E as one product: a difference of sparse matrices takes ten times as long
  both <- cbind(parts$rest, sparse_by_level(joint, E, parts$codes))
  t_rows <- both %*% rbind(Matrix::Diagonal(ncol(parts$rest)), -joint$G)
  list(E = E, codes = parts$codes, t = t_rows)
}

# z'C^-1 z by row.
joint_variance <- function(joint, rows) {
  lead <- rowSums(rows$E^2)
  if (ncol(rows$t) == 0L) return(lead)
  by_row <- Matrix::t(rows$t)
  counts <- as.double(diff(by_row@p))
  at_once <- max(100, floor(4e6 / nrow(by_row)))
  blocks <- (seq_along(counts) - 1) %/% at_once
  lead + if (is.null(joint$inverse)) {
    in_chunks(blocks, function(i) quadratic_by_solving(by_row[, i, drop = FALSE], joint))
  } else if (few_pairs(counts, rows$codes)) {
    in_chunks(cumsum(counts^2) %/% 2e6, function(i) quadratic_by_pairs(by_row, i, joint$inverse))
  } else {
    # rows of a level share their columns
    quadratic_by_level(by_row, ifelse(is.na(rows$codes), -blocks, rows$codes), joint$inverse)
  }
}

# A pair of entries costs about as much as a thousandth of a level's own matrix product.
few_pairs <- function(counts, codes) sum(counts^2) < 1000 * length(unique(codes))

# Some rows at a time, so that no large dense matrix is made.
in_chunks <- function(chunk, fun) {
  unlist(lapply(split(seq_along(chunk), chunk), fun), use.names = FALSE)
}

# t'S^-1 t of the rows i from all pairs of their entries.
quadratic_by_pairs <- function(by_row, i, inverse) {
  counts <- by_row@p[i + 1L] - by_row@p[i]
  own <- sequence(counts, from = by_row@p[i] + 1L)
  first <- rep(own, rep(counts, counts))
  second <- sequence(rep(counts, counts), from = rep(by_row@p[i] + 1L, counts))
  products <- by_row@x[first] * by_row@x[second] *
    inverse[by_row@i[first] * as.double(nrow(inverse)) + by_row@i[second] + 1]
  out <- numeric(length(i))
  sums <- rowsum(products, rep(seq_along(i), counts^2), reorder = FALSE)
  out[counts > 0L] <- sums
  out
}

# t'S^-1 t with one matrix product for the rows of each level, at most `at_once` rows of it.
quadratic_by_level <- function(by_row, codes, inverse, at_once = 2000L) {
  out <- numeric(ncol(by_row))
  for (rows in split(seq_along(codes), codes)) {
    for (i in split(rows, (seq_along(rows) - 1L) %/% at_once)) {
      block <- dense_rows(by_row, i)
      out[i] <- rowSums((block$t %*% inverse[block$used, block$used, drop = FALSE]) * block$t)
    }
  }
  out
}

# The rows i of t as a dense matrix, without the columns that none of them has.
dense_rows <- function(by_row, i) {
  counts <- by_row@p[i + 1L] - by_row@p[i]
  at <- sequence(counts, from = by_row@p[i] + 1L)
  column <- by_row@i[at] + 1L
  used <- sort(unique(column))
  t_rows <- matrix(0, length(i), length(used))
  t_rows[cbind(rep(seq_along(i), counts), match(column, used))] <- by_row@x[at]
  list(t = t_rows, used = used)
}

quadratic_by_solving <- function(t_rows, joint) {
  solved <- joint$solve(t_rows)
  # only the entries where t is not zero, without a dense copy of t
  column <- rep(seq_len(ncol(t_rows)), diff(t_rows@p))
  t_rows@x <- t_rows@x * solved[(column - 1) * nrow(t_rows) + t_rows@i + 1]
  Matrix::colSums(t_rows)
}
