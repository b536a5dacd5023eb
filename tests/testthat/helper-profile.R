# Constrained optima without any of the package's own numerics: the marginal covariance as a dense
# matrix, and a general optimiser from several starts.

dense_parts <- function(fit) {
  frame <- rebuilt_frame(fit)
  n <- length(frame$y)
  Z <- lapply(frame$random, function(term) {
    lapply(seq_along(term$columns), function(k) {
      z <- matrix(0, n, max(term$codes))
      z[cbind(seq_len(n), term$codes)] <- if (is.null(term$Z)) 1 else as.matrix(term$Z)[, k]
      z
    })
  })
  list(y = frame$y - offset_or_zero(fit$frame), X = as.matrix(frame$X), Z = Z, p = lengths(Z),
    w = if (is.null(frame$weights)) rep(1, n) else frame$weights)
}

# The deviance or REML criterion at covariances, sigma and perhaps a fixed effect that is held.
dense_criterion <- function(parts, covariances, sigma, REML, held = NULL) {
  V <- diag(sigma^2 / parts$w)
  for (i in seq_along(covariances)) {
    for (a in seq_len(parts$p[i])) for (b in seq_len(parts$p[i])) {
      V <- V + covariances[[i]][a, b] * tcrossprod(parts$Z[[i]][[a]], parts$Z[[i]][[b]])
    }
  }
  R <- if (all(is.finite(V))) tryCatch(chol(V), error = function(e) NULL)
  if (is.null(R)) return(1e10)
  X <- parts$X
  y <- parts$y
  if (!is.null(held)) {
    y <- y - X[, held$column] * held$value
    X <- X[, -held$column, drop = FALSE]
  }
  X <- backsolve(R, X, transpose = TRUE)
  if (!all(is.finite(X))) return(1e10)
  of_X <- qr(X, tol = 1e-14)
  residual <- qr.resid(of_X, backsolve(R, y, transpose = TRUE))
  fixed <- if (REML) 2 * sum(log(abs(diag(qr.R(of_X))))) else 0
  d <- length(y) - if (REML) ncol(X) else 0
  2 * sum(log(diag(R))) + fixed + d * log(2 * pi) + sum(residual^2)
}

# Covariances and sigma from free numbers, with the k-th parameter of profile_parameters() held.
free_to_parameters <- function(free, parts, kind, focus, value) {
  take <- function(n = 1L) {
    out <- free[seq_len(n)]
    free <<- free[seq_along(free) > n]
    out
  }
  covariances <- lapply(seq_along(parts$p), function(i) {
    p <- parts$p[i]
    own <- if (kind %in% c("sd", "cor") && focus[2L] == i) focus[3:4][focus[3:4] > 0] else integer()
    order <- c(own, setdiff(seq_len(p), own))
    L <- matrix(0, p, p)
    fixed <- integer()
    if (kind == "sd" && length(own)) {
      L[1L] <- value
      fixed <- 1L
    } else if (length(own)) {
      sd <- abs(take(2L))
      L[1L] <- sd[1L]
      L[2L, 1:2] <- sd[2L] * c(value, sqrt(max(0, 1 - value^2)))
      fixed <- c(1L, 2L, p + 2L)
    }
    rest <- setdiff(which(lower.tri(L, TRUE)), fixed)
    L[rest] <- take(length(rest))
    back <- order(order)
    tcrossprod(L)[back, back, drop = FALSE]
  })
  list(covariances = covariances, sigma = if (kind == "sigma") value else exp(take()))
}

# zeta of the k-th parameter at a value, by brute force.
brute_zeta <- function(fit, k, value, minimum, REML = FALSE, starts = 6L) {
  parts <- dense_parts(fit)
  table <- profile_parameters(fit)
  kind <- table$kind[k]
  focus <- table$focus[, k]
  held <- if (kind == "beta") list(column = focus[2L], value = value)
  count <- sum(parts$p * (parts$p + 1) / 2) + (kind != "sigma") - (kind %in% c("sd", "cor"))
  criterion <- function(free) {
    at <- free_to_parameters(free, parts, kind, focus, value)
    dense_criterion(parts, at$covariances, at$sigma, REML, held)
  }
  set.seed(1)
  found <- vapply(seq_len(starts), function(i) {
    free <- stats::rnorm(count, 0, stats::runif(1, 0.05, 1.5) * fit$sigma)
    if (kind != "sigma") free[count] <- log(fit$sigma) + stats::rnorm(1, 0, 0.3)
    stats::nlminb(free, criterion, control = list(eval.max = 3000, iter.max = 1000,
      rel.tol = 1e-12))$objective
  }, 0)
  sqrt(max(0, min(found) - minimum))
}

# The largest difference of |zeta| between the curves of a profile and brute force, at the limits
# and nearer to the estimate.
worst_zeta <- function(fit, criterion = "deviance", which = NULL, zetas = c(-1.96, -1, 1, 1.96),
                       ...) {
  found <- profile(fit, which = which, criterion = criterion)
  curves <- profile_curves(found)
  minimum <- attr(found, "minimum")
  differences <- lapply(curves, function(curve) {
    vapply(unique(values_of_zeta(curve, zetas)), function(value) {
      ours <- abs(zeta_of_values(curve, value))
      ours - brute_zeta(fit, curve$column, value, minimum, criterion == "REML", ...)
    }, 0)
  })
  max(abs(unlist(differences)))
}

# Groups with correlated intercepts and slopes; `cor` 1 and `sd` 0 give fits on the boundary.
slopes_data <- function(seed, groups = 8, rows = 4, sd = c(1, 0.5), cor = 0.3) {
  set.seed(seed)
  d <- data.frame(g = factor(rep(seq_len(groups), each = rows)),
    x = rep(seq(-1, 1, length.out = rows), groups))
  b <- stats::rnorm(groups)
  slope <- cor * b + sqrt(1 - cor^2) * stats::rnorm(groups)
  d$y <- 1 + d$x / 2 + sd[1] * b[d$g] + sd[2] * slope[d$g] * d$x + stats::rnorm(nrow(d))
  d
}

quiet_fit <- function(...) suppressMessages(suppressWarnings(rlmm(...)))

# Two local minima change places on the way, where the line bends; found by chance.
broken_fit <- function() {
  set.seed(201)
  G <- sample(5:9, 1)
  m <- sample(3:5, 1)
  n <- G * m
  d <- data.frame(g = factor(rep(1:G, each = m)), x = rnorm(n), z = rnorm(n),
    h = factor(sample(5, n, TRUE)))
  B <- matrix(rnorm(3 * G), G) %*% matrix(rnorm(9) * rbinom(9, 1, 0.7), 3)
  d$y <- rowSums(B[d$g, ] * cbind(1, d$x, d$z)) * runif(1, 0.1, 1.5) + rnorm(5, 0, 0.5)[d$h] +
    rnorm(n)
  quiet_fit(y ~ x + (x + z | g), d)
}
