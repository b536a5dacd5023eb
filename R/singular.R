# Singular fits: which combination of a term's effects has no variance.

# Terms in which a combination of effects has (almost) no variance, as text. Columns are made
# orthonormal over the rows first, so that neither their scale nor their location matters; standard
# deviations below `tol` of the residual one count as zero.
singular_directions <- function(random, theta, tol = 1e-4) {
  findings_of_kind("singular", term_findings(random, theta, tol))
}

# Terms whose columns are linearly dependent over the rows, as text: the likelihood knows the
# variance of every row's effect, but not those of the columns one by one.
dependent_effects <- function(random, theta) {
  findings_of_kind("dependent_effects", term_findings(random, theta))
}

findings_of_kind <- function(kind, findings) {
  Filter(function(finding) finding$kind == kind, findings)
}

# What is to be said about terms: a list with the kind, the bar as written, its columns and a text.
term_findings <- function(random, theta, tol = 1e-4) {
  found <- list()
  position <- 0L
  for (term in random) {
    p <- length(term$columns)
    lower <- theta[position + seq_len(p * (p + 1L) / 2)]
    position <- position + length(lower)
    if (is_far_from_singular(term$Z, lower, tol)) next
    lambda <- matrix(0, p, p)
    lambda[lower.tri(lambda, diag = TRUE)] <- lower
    scale <- column_factor(term)
    R <- scaled_factor(scale)
    parts <- svd(R %*% lambda)
    add <- function(kind, text) {
      found <<- c(found, list(list(kind = kind, term = term$call, columns = term$columns,
        text = text)))
    }
    if (parts$d[p] < tol) {
      direction <- drop(crossprod(R, parts$u[, p]))
      add("singular", singular_text(term, direction, all(parts$d < tol)))
    }
    if (is_deficient(scale$R)) add("dependent_effects", dependent_text(term, scale$rms))
  }
  found
}

# A quick look at the lower triangle of lambda, which is enough for most terms with one or two
# columns: the eigenvalues of lambda' (Z'Z / n) lambda are the squares of the singular values, and
# the smaller one is at least the determinant divided by the trace.
is_far_from_singular <- function(Z, lower, tol) {
  if (is.null(Z)) return(abs(lower) >= tol)
  if (ncol(Z) > 2L) return(FALSE)
  G <- crossprod(Z) / nrow(Z)
  if (length(lower) == 1L) return(sqrt(G) * abs(lower) >= tol)
  scale <- G[1L] * G[4L]
  share <- 1 - G[2L]^2 / scale
  # where the columns are all but dependent, the determinant has lost its digits
  if (!is.finite(share) || share < 1e-6) return(FALSE)
  determinant <- (lower[1L] * lower[3L])^2 * scale * share
  trace <- G[1L] * lower[1L]^2 + 2 * G[2L] * lower[1L] * lower[2L] +
    G[4L] * (lower[2L]^2 + lower[3L]^2)
  determinant > 4 * tol^2 * trace
}

# Z'Z / n is diag(rms) R'R diag(rms), R with unit columns and NULL where the columns are dependent.
column_factor <- function(term) {
  if (is.null(term$Z)) return(list(R = matrix(1), rms = 1))
  rms <- sqrt(colMeans(term$Z^2))
  rms[rms == 0] <- 1
  R <- tryCatch(chol.default(column_products(term, rms)), error = function(e) NULL)
  list(R = R, rms = rms)
}

column_products <- function(term, rms) crossprod(term$Z) / nrow(term$Z) / tcrossprod(rms)

# A part of 1e-6 of a column that the others do not explain is rounding.
is_deficient <- function(R) is.null(R) || min(diag(R)) < 1e-6

scaled_factor <- function(scale) {
  p <- length(scale$rms)
  (if (is.null(scale$R)) diag(p) else scale$R) %*% diag(scale$rms, p)
}

# R with R'R = Z'Z / n; root mean squares alone where the columns are dependent.
row_scale <- function(term) scaled_factor(column_factor(term))

dependent_text <- function(term, rms) {
  parts <- eigen(column_products(term, rms), symmetric = TRUE)
  share <- abs(parts$vectors[, length(rms)])
  columns <- term$columns[share > 1e-3 * max(share)]
  if (length(columns) == 1L) {
    return(paste0("in (", term$call, ") the column '", columns, "' is zero in all rows; leave it ",
      "out"))
  }
  paste0("in (", term$call, ") the columns ", quoted_list(columns), " are linearly dependent: ",
    "their variances and correlations are not determined, only those of the sum that a row has; ",
    "leave one out")
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
