# Satterthwaite's degrees of freedom, see ?`rlmm-ddf`.

# An eigenvalue of the Hessian, on unit diagonal, that counts as zero.
FLAT <- 1e-7
# The part of a gradient in such directions that may be left out.
NEGLIGIBLE <- 1e-4
# Fewer degrees of freedom come from a criterion that is flat but for rounding.
SMALLEST_DF <- 1e-6

satterthwaite_tests <- function(object) {
  operations <- as.double(getOption("rlmm.ddf_operations", 1e11))
  pieces <- rust_result(rust_satterthwaite(rust_state(object), object$theta, operations))
  information <- information_of_theta(pieces$hessian)
  d <- residual_dimension(object)
  covariance <- vcov(object)
  df <- function(L) {
    Q <- whitened_contrasts(object, L)
    satterthwaite_df(log_gradients(pieces, Q), information, d)
  }
  joint <- function(L, rhs) fai_cornelius(L, rhs, object$beta, covariance, df)
  note <- if (pieces$source == "average information") "by average information"
  method <- paste0("Satterthwaite's method", if (length(note)) paste0(" (", note, ")"))
  list(method = method, note = note, df = df, joint = joint)
}

# d log v / d theta, one column for each contrast; NaN for one that is zero.
log_gradients <- function(pieces, Q) {
  p <- nrow(Q)
  lengths <- colSums(Q^2)
  W <- vapply(seq_along(pieces$slope), function(t) {
    K <- matrix(pieces$K[, t], p, p)
    colSums(Q * (K %*% Q)) / lengths + pieces$slope[t]
  }, numeric(ncol(Q)))
  t(matrix(W, nrow = ncol(Q)))
}

# The inverse of H as a sum over eigenvectors, on unit diagonal: theta of different columns can
# differ by orders of magnitude.
information_of_theta <- function(H) {
  scale <- sqrt(abs(diag(H)))
  scale[scale == 0] <- 1
  parts <- eigen(H / outer(scale, scale), symmetric = TRUE)
  keep <- parts$values > FLAT * max(parts$values, FLAT)
  list(scale = scale, values = parts$values[keep], vectors = parts$vectors[, keep, drop = FALSE],
    others = parts$vectors[, !keep, drop = FALSE])
}

satterthwaite_df <- function(W, information, d) {
  scaled <- W / information$scale
  inside <- crossprod(information$vectors, scaled)
  outside <- crossprod(information$others, scaled)
  df <- 1 / (1 / d + colSums(inside^2 / information$values))
  lost <- colSums(outside^2) > NEGLIGIBLE^2 * pmax(colSums(scaled^2), 1e-12) | df < SMALLEST_DF
  if (any(lost & !is.na(lost))) {
    warn_rlmm("ddf", paste("degrees of freedom are not available for", sum(lost, na.rm = TRUE),
      "of the contrasts: the criterion is flat or not convex at the estimates in a direction on",
      "which their variance depends, so that the fit may not be at its optimum, or its variances",
      "cannot be told from one another; see optinfo()"))
  }
  df[lost] <- NA_real_
  df
}

# The F test of several contrasts, by the spectral decomposition of L V L' (Fai and Cornelius 1996).
fai_cornelius <- function(L, rhs, beta, covariance, df) {
  rhs <- rep_len(rhs, nrow(L))
  V <- L %*% covariance %*% t(L)
  # the decomposition needs contrasts of similar size, or it loses the digits of the small ones
  if (max(diag(V)) > 1e8 * min(diag(V))) {
    unit <- 1 / sqrt(diag(V))
    return(fai_cornelius(L * unit, rhs * unit, beta, covariance, df))
  }
  parts <- eigen(V, symmetric = TRUE)
  off <- crossprod(parts$vectors, L %*% beta - rhs)
  nu <- df(crossprod(parts$vectors, L))
  f_test(mean(off^2 / parts$values), nrow(L), joint_df(nu))
}

joint_df <- function(nu) {
  q <- length(nu)
  if (q == 1L || anyNA(nu)) return(mean(nu))
  if (any(nu <= 2)) return(2)
  # equal ones, but for rounding, leave 2 E / (E - q) without digits if they are large
  if (diff(range(nu)) < 1e-8 * mean(nu)) return(mean(nu))
  E <- sum(nu / (nu - 2))
  2 * E / (E - q)
}
