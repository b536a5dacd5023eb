# Tests with a cluster-robust covariance. One way of clustering: degrees of freedom by Satterthwaite
# for a single contrast and Hotelling's T^2 for several, with the moments that the robust covariance
# has if the model holds (Pustejovsky and Tipton 2018, section 3). Several ways: the smallest number
# of clusters less one (Cameron and Miller 2015).

robust_tests <- function(object, type, cluster, ddf) {
  if (ddf == "Kenward-Roger") {
    stop_rlmm("ddf", paste("Kenward and Roger's method adjusts the covariance of the model; with a",
      "robust one use ddf = \"Satterthwaite\""))
  }
  parts <- robust_parts(object, type, cluster)
  covariance <- parts$covariance
  by <- paste(type, "standard errors clustered by",
    paste(names(parts$clusters), collapse = " and "))
  if (ddf == "none") {
    return(c(list(vcov = covariance),
      tests_without_df(list(beta = object$beta, vcov = covariance))))
  }
  if (length(parts$clusters) > 1L) {
    nu <- min(parts$clusters) - 1
    joint <- function(L, rhs) {
      f_test(wald_statistic(L, rhs, object$beta, covariance) / nrow(L), nrow(L), nu)
    }
    return(list(method = paste0(by, ", df = clusters - 1"), vcov = covariance,
      df = function(L) rep(nu, nrow(L)), joint = joint))
  }
  moments <- cluster_moments(parts)
  each <- function(L) {
    found <- vapply(seq_len(nrow(L)), function(k) robust_df(L[k, ], moments), numeric(2))
    warn_understated(found[2L, ])
    df <- found[1L, ]
    replace(df, is.nan(df), NA_real_)
  }
  joint <- function(L, rhs) {
    each(L)
    hotelling(L, rhs, object$beta, covariance, moments)
  }
  list(method = paste(by, "and Satterthwaite's method"), vcov = covariance, df = each,
    joint = joint)
}

# Robust variances of which less than this part of the model's variance is expected are not trusted.
# CR2 has all of it, unless a contrast depends on coefficients that fit single clusters, whose
# residuals say nothing of them.
UNDERSTATED <- 0.5

warn_understated <- function(part) {
  low <- sum(part < UNDERSTATED, na.rm = TRUE)
  if (low == 0L) return(invisible())
  warn_rlmm("cluster", paste("the robust variance of", low, "of the contrasts is far too small:",
    "there are too few clusters, or single ones determine coefficients, as that of a variable that",
    "differs in one cluster only; see the standard errors of the model"))
}

# By cluster, one row each: H_i'V_i H_i and X_i'H_i, as vectors.
cluster_moments <- function(parts) {
  rows <- parts$rows
  p <- ncol(rows$X)
  VH <- covariance_times(rows, parts$H, parts$code)
  products <- function(A, B) {
    columns <- expand.grid(a = seq_len(p), b = seq_len(p))
    rowsum(A[, columns$a, drop = FALSE] * B[, columns$b, drop = FALSE], parts$code)
  }
  list(T = products(parts$H, VH), B = products(rows$X, parts$H), M = rows$M, p = p)
}

# V_i H_i of each cluster; no random effect is in two of them.
covariance_times <- function(rows, H, code) {
  out <- rows$variance * H
  for (term in rows$terms) {
    for (k in seq_len(ncol(term$Z))) {
      sums <- rowsum(term$Z[, k] * H, term$codes)
      out <- out + term$Z[, k] * sums[match(term$codes, as.integer(rownames(sums))), , drop = FALSE]
    }
  }
  out
}

# For c = M l of two contrasts: c_s'T_i c_t and the columns B_i c_s.
between <- function(moments, s, t) drop(moments$T %*% as.vector(outer(s, t)))

rows_of <- function(moments, s) {
  p <- moments$p
  # entry (a, b) of B_i stands in column a + p (b - 1)
  Reduce(`+`, lapply(seq_len(p), function(b) {
    s[b] * moments$B[, (b - 1L) * p + seq_len(p), drop = FALSE]
  }))
}

# 2 (E v)^2 / var(v) of v = sum_i (p_i'e)^2, where p_i'V p_j = [i = j] c'T_i c - a_i'M a_j, and
# E v as a part of the variance l'M l that the model gives.
robust_df <- function(l, moments) {
  c <- drop(moments$M %*% l)
  own <- between(moments, c, c)
  a <- rows_of(moments, c)
  across <- rowSums((a %*% moments$M) * a)
  S <- moments$M %*% crossprod(a)
  expected <- sum(own - across)
  c(expected^2 / (sum(own^2) - 2 * sum(own * across) + sum(S * t(S))), expected / sum(l * c))
}

# The approximate Hotelling's T^2 test, with eta degrees of freedom of the Wishart distribution
# that has the total variance of L V L' (Pustejovsky and Tipton 2018, section 3).
hotelling <- function(L, rhs, beta, covariance, moments) {
  q <- nrow(L)
  eta <- wishart_df(L, moments)
  if (!is.finite(eta) || eta <= q - 1) {
    warn_rlmm("ddf", paste("there are too few clusters for a joint test of", q, "contrasts"))
    return(f_test(NA_real_, q, NA_real_))
  }
  statistic <- wald_statistic(L, rhs, beta, covariance) / q
  f_test(statistic, q, eta - q + 1, (eta - q + 1) / eta)
}

wishart_df <- function(L, moments) {
  q <- nrow(L)
  C <- moments$M %*% t(L)
  columns <- split(C, col(C))
  mean <- matrix(0, q, q)
  for (s in seq_len(q)) for (t in seq_len(q)) {
    a <- rows_of(moments, columns[[s]])
    mean[s, t] <- sum(between(moments, columns[[s]], columns[[t]])) -
      sum((a %*% moments$M) * rows_of(moments, columns[[t]]))
  }
  parts <- eigen(mean, symmetric = TRUE)
  if (min(parts$values) <= 1e-12 * max(parts$values)) return(NaN)
  C <- C %*% parts$vectors %*% diag(1 / sqrt(parts$values), q)
  q * (q + 1) / sum_of_variances(C, moments)
}

# The sum of the variances of all entries of the matrix sum_i (p_si'e)(p_ti'e).
sum_of_variances <- function(C, moments) {
  q <- ncol(C)
  M <- moments$M
  a <- lapply(seq_len(q), function(s) rows_of(moments, C[, s]))
  own <- function(s, t) between(moments, C[, s], C[, t])
  across <- function(s, t) rowSums((a[[s]] %*% M) * a[[t]])
  total <- 0
  for (s in seq_len(q)) for (t in seq_len(q)) {
    products <- crossprod(a[[s]], a[[t]])
    S <- M %*% products
    product <- sum(own(s, s) * own(t, t) - own(s, s) * across(t, t) - own(t, t) * across(s, s)) +
      sum((products %*% M) * S)
    square <- sum(own(s, t)^2 - 2 * own(s, t) * across(s, t)) + sum(S * t(S))
    total <- total + product + square
  }
  total
}
