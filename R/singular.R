# Singular fits: which combination of a term's effects has no variance.

# Terms in which a combination of effects has (almost) no variance, as text. Columns are made
# orthonormal over the rows first, so that neither their scale nor their location matters; standard
# deviations below `tol` of the residual one count as zero.
singular_directions <- function(random, theta, tol = 1e-4) {
  found <- list()
  position <- 0L
  for (term in random) {
    p <- length(term$columns)
    entries <- position + seq_len(p * (p + 1L) / 2)
    position <- max(entries)
    lambda <- matrix(0, p, p)
    lambda[lower.tri(lambda, diag = TRUE)] <- theta[entries]
    R <- row_scale(term)
    parts <- svd(R %*% lambda)
    if (parts$d[p] >= tol) next
    direction <- drop(crossprod(R, parts$u[, p]))
    found <- c(found, list(list(term = term$call, columns = term$columns,
      text = singular_text(term, direction, all(parts$d < tol)))))
  }
  found
}

# R with R'R = Z'Z / n; root mean squares alone where the columns are dependent.
row_scale <- function(term) {
  if (is.null(term$Z)) return(matrix(1))
  rms <- sqrt(colMeans(term$Z^2))
  rms[rms == 0] <- 1
  correlation <- crossprod(term$Z) / nrow(term$Z) / tcrossprod(rms)
  R <- tryCatch(chol(correlation), error = function(e) diag(length(rms)))
  R %*% diag(rms, length(rms))
}

singular_text <- function(term, direction, whole) {
  term_text <- paste0("(", term$call, ")")
  if (length(term$columns) == 1L || whole) {
    return(paste0("singular fit: the variance of ", term_text, " is zero; see ?isSingular"))
  }
  # a part counts by what it is for a column of usual size
  share <- abs(direction / sqrt(colMeans(term$Z^2)))
  parts <- share > 1e-3 * max(share[is.finite(share)])
  if (sum(parts) == 1L) {
    return(paste0("singular fit: the variance of '", term$columns[parts], "' in ", term_text,
      " is zero; see ?isSingular"))
  }
  paste0("singular fit: in ", term_text, " the combination ",
    combination_text(direction[parts], term$columns[parts]),
    " has no variance (correlation at its limit); see ?isSingular")
}

# "(Intercept) - 0.5 x", with the first weight as the unit.
combination_text <- function(weights, columns) {
  weights <- weights[-1L] / weights[1L]
  signs <- ifelse(weights < 0, " - ", " + ")
  paste0(columns[1L], paste0(signs, signif(abs(weights), 3), " ", columns[-1L], collapse = ""))
}
