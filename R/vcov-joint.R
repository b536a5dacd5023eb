# Covariance of the random and the fixed effects together, given theta: sigma^2 T C^-1 T', where
# C = T'[Z X]'W[Z X]T + blockdiag(I, 0) and T = blockdiag(Lambda, I). That of the modes is their
# covariance about the random effects, not about zero. Henderson (1975, Biometrics 31, 423-447).

# A dense matrix, effects as in getME(object, "b"), then the fixed effects.
joint_covariance <- function(object, sigma) {
  joint <- joint_precision(object)
  inverse <- chol2inv(chol(as.matrix(joint$C)))
  out <- sigma^2 * as.matrix(joint$T %*% inverse %*% Matrix::t(joint$T))
  names <- c(effect_names(object), names(object$beta))
  dimnames(out) <- list(names, names)
  (out + t(out)) / 2
}

# C and T as sparse matrices. The scale of X is taken out, X RX^-1 gives the identity as Schur
# complement; T has it back.
joint_precision <- function(object) {
  X <- whitened_fixed(object, fixed_matrix(object)) * root_weights(object)
  A <- weighted_A(object)
  AX <- A %*% X
  list(
    C = rbind(
      cbind(Matrix::tcrossprod(A) + Matrix::Diagonal(object$dims[["q"]]), AX),
      cbind(Matrix::t(AX), crossprod(X))
    ),
    T = Matrix::bdiag(sparse_Lambda(object), inverse_RX(object))
  )
}

inverse_RX <- function(object) {
  p <- length(object$beta)
  if (p) backsolve(object$RX, diag(p)) else matrix(0, 0, 0)
}

# X RX^-1, from the rows of any model matrix.
whitened_fixed <- function(object, X) {
  if (ncol(X) == 0L) return(X)
  t(backsolve(object$RX, t(X), transpose = TRUE))
}

effect_names <- function(object) {
  unlist(lapply(object$random, function(term) {
    paste0(rep(term$columns, length(term$levels)), "|", term$name, ":",
      rep(term$levels, each = length(term$columns)))
  }))
}
