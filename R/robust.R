# Cluster-robust covariance of the fixed effects, see ?vcov.rlmm.
#
# With G = V^-1 X and M = (X'G)^-1, both in units in which sigma is one, and residuals
# e = y - X beta the estimate for one way of clustering is M (sum_i s_i s_i') M with s_i = H_i'e_i,
# H_i = A_i G_i.

vcov_types <- c("model", "CR0", "CR1", "CR2")

# The largest matrix of a cluster of which CR2 takes the eigenvectors.
DENSE_CLUSTER_LIMIT <- 4000L

# An eigenvalue below this part of the largest has lost its digits.
SMALLEST_ROOT <- 1e-12

# covariance; clusters: number of them, by way of clustering; and for one way of clustering what
# degrees of freedom need, see robust-tests.R.
robust_parts <- function(object, type, cluster) {
  codes <- cluster_codes(object, cluster)
  rows <- robust_rows(object)
  p <- length(object$beta)
  meat <- matrix(0, p, p)
  for (ways in subsets_of(length(codes))) {
    code <- joint_code(codes[ways])
    H <- adjusted_rows(rows, code, type)
    sign <- if (length(ways) %% 2L) 1 else -1
    meat <- meat + sign * crossprod(rowsum(H * rows$e, code))
  }
  covariance <- rows$M %*% meat %*% rows$M
  covariance <- (covariance + t(covariance)) / 2
  if (length(codes) > 1L) covariance <- positive_part(covariance)
  dimnames(covariance) <- list(names(object$beta), names(object$beta))
  list(covariance = covariance, clusters = vapply(codes, max, 1L), code = codes[[1L]], rows = rows,
    H = if (length(codes) == 1L) H)
}

# All subsets but the empty one: inclusion and exclusion (Cameron, Gelbach and Miller 2011).
subsets_of <- function(n) {
  unlist(lapply(seq_len(n), function(k) utils::combn(n, k, simplify = FALSE)), recursive = FALSE)
}

joint_code <- function(codes) {
  joint <- codes[[1L]]
  for (code in codes[-1L]) {
    # numbers of double precision: the product of the counts can be large
    joint <- (joint - 1) * max(code) + code
    joint <- match(joint, unique(joint))
  }
  joint
}

# With several ways of clustering a covariance need not be positive.
positive_part <- function(covariance) {
  scale <- sqrt(pmax(abs(diag(covariance)), .Machine$double.xmin))
  parts <- eigen(covariance / outer(scale, scale), symmetric = TRUE)
  if (all(parts$values > -1e-10 * max(parts$values))) return(covariance)
  warn_rlmm("cluster", paste("with so few clusters the robust covariance is not positive; its",
    "negative eigenvalues are taken as zero"))
  half <- parts$vectors %*% diag(sqrt(pmax(parts$values, 0)), length(scale))
  tcrossprod(half) * outer(scale, scale)
}

# The rows that count: X, G, e, the blocks of Z Lambda by term, and the inverse weights.
robust_rows <- function(object) {
  used <- used_rows(object$frame)
  X <- unname(fixed_matrix(object))[used, , drop = FALSE]
  attributes(X) <- list(dim = dim(X))
  w <- weights_or_one(stats::model.weights(object$frame), used)
  terms <- Map(function(term, lambda) {
    list(Z = (left_matrix(term, length(used)) %*% lambda)[used, , drop = FALSE],
      codes = term$codes[used])
  }, random_terms(object), lambda_list(object))
  e <- (response_of(object) - offset_or_zero(object$frame))[used] - drop(X %*% object$beta)
  list(X = X, G = inverse_times_X(object, X, w, used), e = e, M = chol2inv(object$RX),
    terms = terms, variance = 1 / w, weighted = any(w != w[1L]))
}

# V0^-1 X = W X - W Z Lambda (Lambda'Z'W Z Lambda + I)^-1 Lambda'Z'W X.
inverse_times_X <- function(object, X, w, used) {
  A <- weighted_A(object)[, used, drop = FALSE]
  wX <- X * sqrt(w)
  modes <- Matrix::solve(cholesky_L(object), A %*% wX)
  (wX - as.matrix(Matrix::crossprod(A, modes))) * sqrt(w)
}

# H = A G, cluster by cluster. A is the identity for CR0, and for CR1 a number.
adjusted_rows <- function(rows, code, type) {
  m <- max(code)
  if (type == "CR0") return(rows$G)
  if (type == "CR1") return(rows$G * sqrt(m / (m - 1)))
  H <- adjusted_single_rows(rows)
  members <- split(seq_along(code), code)
  for (at in members[lengths(members) > 1L]) H[at, ] <- adjusted_cluster(rows, at)
  H
}

# For clusters of one row: A = sqrt(V / S).
adjusted_single_rows <- function(rows) {
  v <- rows$variance + Reduce(`+`, lapply(rows$terms, function(term) rowSums(term$Z^2)))
  s <- v - rowSums((rows$X %*% rows$M) * rows$X)
  rows$G * ifelse(s > 1e-10 * v, sqrt(v / pmax(s, 1e-10 * v)), 0)
}

# Bell and McCaffrey's adjustment as Pustejovsky and Tipton (2018, section 2) have it:
# A_i = D'(D S D')^-1/2 D with V_i = D'D and S = V_i - X_i M X_i', the covariance of the residuals.
# Without weights both are the identity outside the columns of X_i and Z_i Lambda.
adjusted_cluster <- function(rows, at) {
  X <- rows$X[at, , drop = FALSE]
  G <- rows$G[at, , drop = FALSE]
  B <- do.call(cbind, lapply(rows$terms, function(term) {
    indicator <- outer(term$codes[at], unique(term$codes[at]), `==`)
    do.call(cbind, lapply(seq_len(ncol(term$Z)), function(k) indicator * term$Z[at, k]))
  }))
  variance <- rows$variance[at]
  if (rows$weighted || length(at) <= ncol(X) + ncol(B)) {
    check_dense_cluster(length(at))
    return(geometric_root(diag(variance) + tcrossprod(B), X, rows$M) %*% G)
  }
  basis <- qr(cbind(X, B), tol = 1e-10)
  check_dense_cluster(basis$rank)
  Q <- qr.Q(basis)[, seq_len(basis$rank), drop = FALSE]
  V <- diag(variance[1L], basis$rank) + tcrossprod(crossprod(Q, B))
  Q %*% (geometric_root(V, crossprod(Q, X), rows$M) %*% crossprod(Q, G))
}

check_dense_cluster <- function(size) {
  if (size > DENSE_CLUSTER_LIMIT) {
    stop_rlmm("memory", paste0("CR2 needs the eigenvectors of a matrix of ", size, " rows for one ",
      "of the clusters; CR1 does not"))
  }
}

# What the cluster determines itself is left out: the null space of S, which that of I - U M U' with
# U = D^-T X shows, whatever the range of V is. D S D' has that range squared.
geometric_root <- function(V, X, M) {
  D <- chol(V)
  U <- backsolve(D, X, transpose = TRUE)
  determined <- sum(eigen(diag(nrow(V)) - U %*% M %*% t(U), symmetric = TRUE,
    only.values = TRUE)$values < 1e-10)
  parts <- eigen(D %*% (V - X %*% M %*% t(X)) %*% t(D), symmetric = TRUE)
  kept <- seq_len(nrow(V) - determined)
  if (length(kept) && parts$values[length(kept)] < SMALLEST_ROOT * parts$values[1L]) {
    stop_rlmm("cluster", paste("CR2 cannot be computed to enough digits: within a cluster the",
      "variances of observations, or of residuals and group means, differ by more than a factor",
      "of 1e6; CR1 can"))
  }
  inner <- crossprod(parts$vectors[, kept, drop = FALSE], D)
  crossprod(inner, inner / sqrt(parts$values[kept]))
}
