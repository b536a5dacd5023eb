# Hypotheses of the terms of the fixed effects, types I, II and III: for each term a matrix with a
# row for each degree of freedom and a column for each coefficient of the fit. They are those of
# SAS (SAS/STAT User's Guide, The Four Types of Estimable Functions) and of lmerTest.

# A column that the columns before it explain up to this part is redundant.
RANK_TOLERANCE <- 1e-8

hypotheses_of_terms <- function(object, type) {
  terms <- attr(fixed_terms(object), "term.labels")
  if (length(terms) == 0L) return(list())
  X <- fixed_matrix(object)[used_rows(object$frame), , drop = FALSE]
  assign <- attr(fixed_matrix(object), "assign")
  rows <- switch(type,
    I = adjusted_hypotheses(X, assign, lapply(seq_along(terms), function(k) seq_len(k - 1L))),
    II = type_2_hypotheses(object, X, assign),
    III = estimable_hypotheses(object, X, assign)
  )
  names(rows) <- terms
  for (k in seq_along(rows)) {
    L <- rows[[k]]
    if (type == "III") L <- tidy_rows(L, sqrt(colSums(X^2)))
    # as many rows as columns of the term, unless a cell is empty
    own <- colnames(X)[assign == k]
    dimnames(L) <- list(if (nrow(L) == length(own)) own else
      paste0(rep(terms[k], nrow(L)), seq_len(nrow(L)))[seq_len(nrow(L))], colnames(X))
    rows[[k]] <- L
  }
  rows
}

# Types I and II: the columns of a term, adjusted for those of the terms in `before` by least
# squares. With X = Q R in that order, L is the term's rows of R (forward Doolittle).
adjusted_hypotheses <- function(X, assign, before) {
  R <- triangle_of(X)
  size <- sqrt(colSums(R^2))
  lapply(seq_along(before), function(k) {
    own <- which(assign == k)
    first <- which(assign %in% c(0L, before[[k]]))
    rest <- setdiff(seq_along(assign), c(first, own))
    order <- c(first, own, rest)
    adjusted <- qr.R(qr(R[, order, drop = FALSE], tol = 0))
    adjusted <- adjusted[length(first) + seq_along(own), , drop = FALSE]
    L <- matrix(0, length(own), length(assign))
    L[, order] <- adjusted / adjusted[cbind(seq_along(own), length(first) + seq_along(own))]
    # rounding, in the units of the columns
    L[abs(L) * size[own] < 1e-12 * rep(size, each = length(own))] <- 0
    L
  })
}

# R of a matrix in the order of its columns.
triangle_of <- function(X) {
  decomposition <- qr(X, LAPACK = TRUE)
  R <- qr.R(decomposition)
  R[, order(decomposition$pivot), drop = FALSE]
}

# Which variables each term has, and which of these are classes (factors): lists by term. An
# interaction contains a term if it has the same numeric variables and more classes.
term_variables <- function(object) {
  terms <- fixed_terms(object)
  table <- attr(terms, "factors")
  if (length(table) == 0L) return(list(class = list(), numeric = list()))
  rownames(table) <- frame_names(rownames(table))
  labels <- attr(terms, "term.labels")
  classes <- vapply(rownames(table), function(name) is_class(object$frame[[name]]), NA)
  list(
    class = lapply(labels, function(l) rownames(table)[table[, l] > 0 & classes]),
    numeric = lapply(labels, function(l) rownames(table)[table[, l] > 0 & !classes])
  )
}

# terms() has backticks around names that are not syntactic, the model frame has not.
frame_names <- function(names) sub("^`([^`]*)`$", "\\1", names)

is_class <- function(x) is.factor(x) || is.character(x) || is.logical(x)

# For each term the numbers of those that contain it.
containing <- function(variables) {
  lapply(seq_along(variables$class), function(k) {
    which(vapply(seq_along(variables$class), function(j) {
      j != k && setequal(variables$numeric[[j]], variables$numeric[[k]]) &&
        length(variables$class[[j]]) > length(variables$class[[k]]) &&
        all(variables$class[[k]] %in% variables$class[[j]])
    }, NA))
  })
}

# A term that no other contains is adjusted for all others: its coefficients themselves are zero.
type_2_hypotheses <- function(object, X, assign) {
  above <- containing(term_variables(object))
  before <- lapply(seq_along(above), function(k) setdiff(seq_along(above), c(k, above[[k]])))
  rows <- adjusted_hypotheses(X, assign, before)
  last <- lengths(above) == 0L
  rows[last] <- coded_hypotheses(assign, length(above))[last]
  rows
}

# Type III: in the model with an indicator for each level of each class, the estimable functions
# that involve no other terms but those that contain the term, orthogonal to those that involve
# the latter alone.
estimable_hypotheses <- function(object, X, assign) {
  full <- indicator_matrix(object)
  of <- attr(full, "assign")
  whole <- triangle_of(cbind(full, X))
  full <- whole[, seq_along(of), drop = FALSE]
  X <- whole[, -seq_along(of), drop = FALSE]
  size <- sqrt(colSums(full^2))
  size[size == 0] <- 1
  full <- full / rep(size, each = nrow(full))
  if (!spans(full, X)) return(coded_hypotheses(assign, length(containing(term_variables(object)))))
  back <- solve_min_norm(full, X)
  found <- containing(term_variables(object))
  lapply(seq_along(found), function(k) {
    own <- which(of == k)
    above <- which(of %in% found[[k]])
    others <- setdiff(seq_along(of), c(own, above))
    with_own <- functions_without(full, others)
    above_only <- functions_without(full, c(others, own))
    # orthogonal as functions of the coefficients, not of the scaled ones
    h <- complement(with_own * rep(size, each = nrow(with_own)),
      above_only * rep(size, each = nrow(above_only)))
    (h / rep(size, each = nrow(h))) %*% back
  })
}

# The model matrix with indicators in place of contrasts.
indicator_matrix <- function(object) {
  terms <- stats::delete.response(fixed_terms(object))
  frame <- object$frame[used_rows(object$frame), , drop = FALSE]
  classes <- intersect(variable_names(terms), names(frame))
  classes <- classes[vapply(frame[classes], is_class, NA)]
  frame[classes] <- lapply(frame[classes], function(x) factor(x))
  contrasts <- lapply(frame[classes], function(x) stats::contrasts(x, contrasts = FALSE))
  stats::model.matrix(terms, frame, if (length(contrasts)) contrasts)
}

# Where a factor's contrasts are fewer than its levels allow, terms are tested as they are coded.
coded_hypotheses <- function(assign, n) {
  lapply(seq_len(n), function(k) diag(length(assign))[assign == k, , drop = FALSE])
}

spans <- function(whole, part) {
  rest <- qr.resid(qr(whole, tol = RANK_TOLERANCE), part)
  all(colSums(rest^2) <= 1e-12 * colSums(part^2))
}

# T with A T = B, of the smallest norm.
solve_min_norm <- function(A, B) {
  parts <- svd(A)
  keep <- parts$d > RANK_TOLERANCE * parts$d[1L]
  parts$v[, keep, drop = FALSE] %*% (crossprod(parts$u[, keep, drop = FALSE], B) / parts$d[keep])
}

# A basis of the row space of `full` with zeros in the columns `out`.
functions_without <- function(full, out) {
  rest <- full
  if (length(out)) {
    rest <- qr.resid(qr(full[, out, drop = FALSE], tol = RANK_TOLERANCE), full)
    rest[, out] <- 0
  }
  parts <- svd(rest, nu = 0)
  t(parts$v[, parts$d > RANK_TOLERANCE * sqrt(ncol(full)), drop = FALSE])
}

# The part of the row space of A that is orthogonal to that of B, which lies within it.
complement <- function(A, B) {
  if (nrow(B) == 0L) return(A)
  basis <- qr.Q(qr(t(B)))
  rest <- A - (A %*% basis) %*% t(basis)
  parts <- svd(rest, nu = 0)
  t(parts$v[, parts$d > RANK_TOLERANCE * sqrt(sum(A^2)), drop = FALSE])
}

# The same row space in reduced echelon form, which is easier to read; rounding becomes zero.
# `size`: the lengths of the columns, so that small is small whatever their units are.
tidy_rows <- function(L, size) {
  if (nrow(L) == 0L) return(L)
  L <- L / rep(size, each = nrow(L))
  smallest <- 1e-8 * max(abs(L))
  rank <- 0L
  pivots <- integer()
  for (column in seq_len(ncol(L))) {
    if (rank == nrow(L)) break
    free <- (rank + 1L):nrow(L)
    at <- free[which.max(abs(L[free, column]))]
    if (abs(L[at, column]) <= smallest) next
    rank <- rank + 1L
    pivots[rank] <- column
    L[c(rank, at), ] <- L[c(at, rank), ]
    L[rank, ] <- L[rank, ] / L[rank, column]
    L[-rank, ] <- L[-rank, , drop = FALSE] - outer(L[-rank, column], L[rank, ])
  }
  L <- L[seq_len(rank), , drop = FALSE]
  L[abs(L) < 1e-10] <- 0
  # the leading entry of each row is one in the units of the columns, too
  L * rep(size, each = rank) / size[pivots]
}
