# Kenward and Roger's (1997) adjusted covariance and degrees of freedom, see ?`rlmm-ddf`. The
# pieces from Rust are in units of sigma^2 and in the basis X RX^-1, where the covariance of the
# fixed effects is the identity.

# An eigenvalue of W, on unit diagonal, that counts as zero.
NO_INFORMATION <- 1e-12
# A relative variance below this part of the largest is rounding.
LEFT_OUT <- 1e-20

kenward_roger_tests <- function(object) {
  if (!object$REML) {
    stop_rlmm("ddf", paste("Kenward and Roger's method is for REML fits, and this is one by",
      "maximum likelihood: update(fit, REML = TRUE), or use ddf = \"Satterthwaite\""))
  }
  p <- length(object$beta)
  pieces <- without_noise(kenward_roger_pieces(object), p)
  size <- entries_of_Sigma(object)
  adjusted <- diag(p) + 2 * pieces$U
  back <- backsolve(object$RX, diag(p))
  covariance <- object$sigma^2 * back %*% adjusted %*% t(back)
  covariance <- (covariance + t(covariance)) / 2
  dimnames(covariance) <- dimnames(vcov(object))
  df <- function(L) {
    Q <- whitened_contrasts(object, L)
    df <- apply(Q, 2L, function(q) 2 / kenward_roger_moments(matrix(q), pieces)[[1L]])
    lost <- !has_information(Q, pieces, size)
    if (any(lost)) warn_no_information(sum(lost))
    replace(df, lost, NA_real_)
  }
  joint <- function(L, rhs) {
    Q <- whitened_contrasts(object, L)
    if (!all(has_information(Q, pieces, size))) {
      warn_no_information(nrow(L))
      return(f_test(NA_real_, nrow(L), NA_real_))
    }
    moments <- kenward_roger_moments(Q, pieces)
    found <- kenward_roger_scale(moments[[1L]], moments[[2L]], nrow(L))
    statistic <- wald_statistic(L, rhs, object$beta, covariance) / nrow(L)
    f_test(statistic, nrow(L), found$df, found$scale)
  }
  list(method = "Kenward-Roger's method", vcov = covariance, df = df, joint = joint)
}

kenward_roger_pieces <- function(object) {
  limit <- getOption("rlmm.max_bytes")
  if (is.null(limit)) limit <- available_memory()
  model <- rust_state(object)
  tryCatch(rust_result(rust_kenward_roger(model, object$theta, as.double(limit))),
    rlmm_memory = function(e) {
      stop_rlmm("memory", paste0("Kenward and Roger's method is not available: ",
        conditionMessage(e), " (option 'rlmm.max_bytes'); use ddf = \"Satterthwaite\""))
    })
}

# A variance whose directions lie in the columns of X has an information of zero, of which rounding
# may leave something. Where Rust has left it out, W has rounding in its place; where not, W is
# its huge inverse, and U is noise in the directions that touch it.
without_noise <- function(pieces, p) {
  K <- lapply(seq_len(ncol(pieces$K)), function(s) matrix(pieces$K[, s], p, p))
  spread <- diag(pieces$W)[-1L] * vapply(K, norm, 0, "2")^2
  noise <- spread > 2 / SMALLEST_DF
  none <- which(noise | spread < LEFT_OUT * max(1, spread))
  pieces$W[none + 1L, ] <- 0
  pieces$W[, none + 1L] <- 0
  pieces$touched <- matrix(0, p, 0L)
  if (any(noise)) {
    parts <- svd(do.call(cbind, K[noise]), nv = 0)
    pieces$touched <- parts$u[, parts$d > NEGLIGIBLE^2 * parts$d[1L], drop = FALSE]
    rest <- diag(p) - tcrossprod(pieces$touched)
    pieces$U <- rest %*% pieces$U %*% rest
  }
  pieces
}

# W is a generalised inverse where combinations of the variances have no information. Do the
# variances of the contrasts in the columns of Q depend on none of these, and their adjustment on no
# noise? Variances without a row in W count by their part in those of the contrasts; `size`: the
# entries of Sigma.
has_information <- function(Q, pieces, size) {
  p <- nrow(Q)
  unit <- sqrt(diag(pieces$W))
  empty <- unit == 0
  unit[empty] <- c(0, abs(size))[empty]
  scale <- ifelse(unit == 0, 1, unit)
  parts <- eigen(pieces$W / outer(scale, scale), symmetric = TRUE)
  none <- parts$vectors[, parts$values <= NO_INFORMATION * parts$values[1L], drop = FALSE]
  slopes <- rbind(colSums(Q^2), matrix(vapply(seq_len(ncol(pieces$K)), function(s) {
    colSums(Q * (matrix(pieces$K[, s], p, p) %*% Q))
  }, numeric(ncol(Q))), ncol = ncol(Q), byrow = TRUE)) * unit
  colSums(crossprod(none, slopes)^2) <= NEGLIGIBLE^2 * colSums(slopes^2) &
    colSums(crossprod(pieces$touched, Q)^2) <= NEGLIGIBLE^2 * colSums(Q^2)
}

# Entries of Sigma = Lambda Lambda', term by term, in the order of theta.
entries_of_Sigma <- function(object) {
  unlist(lapply(lambda_list(object), function(lambda) {
    Sigma <- tcrossprod(lambda)
    Sigma[lower.tri(Sigma, diag = TRUE)]
  }))
}

warn_no_information <- function(n) {
  warn_rlmm("ddf", paste("degrees of freedom are not available for", n, "of the contrasts: the",
    "data have no information on the variances on which theirs depend, so that their standard",
    "errors have no meaning either"))
}

# Their A_1 and A_2 (section 3), for the contrasts in the columns of Q: with an orthonormal basis O
# of these, sum_st W_st tr(O'K_s O) tr(O'K_t O) and sum_st W_st tr(O'K_s O O'K_t O), K_0 = I.
kenward_roger_moments <- function(Q, pieces) {
  p <- nrow(Q)
  q <- ncol(Q)
  O <- if (q == 1L) Q / sqrt(sum(Q^2)) else qr.Q(qr(Q))
  inner <- vapply(seq_len(ncol(pieces$K)), function(s) {
    as.vector(crossprod(O, matrix(pieces$K[, s], p, p) %*% O))
  }, numeric(q * q))
  inner <- cbind(as.vector(diag(q)), matrix(inner, nrow = q * q))
  traces <- colSums(inner[seq(1L, q * q, by = q + 1L), , drop = FALSE])
  list(sum(pieces$W * outer(traces, traces)), sum(pieces$W * crossprod(inner)))
}

# Scale and denominator degrees of freedom that match the mean and the variance of the statistic,
# which is exact where Hotelling's T^2 or a common F test is (their section 3).
kenward_roger_scale <- function(A1, A2, q) {
  if (q == 1L) return(list(scale = 1, df = 2 / A1))
  B <- (A1 + 6 * A2) / (2 * q)
  g <- ((q + 1) * A1 - (q + 4) * A2) / ((q + 2) * A2)
  below <- 3 * q + 2 * (1 - g)
  c1 <- g / below
  c2 <- (q - g) / below
  c3 <- (q + 2 - g) / below
  mean <- 1 / (1 - A2 / q)
  variance <- 2 / q * (1 + c1 * B) / ((1 - c2 * B)^2 * (1 - c3 * B))
  rho <- variance / (2 * mean^2)
  df <- 4 + (q + 2) / (q * rho - 1)
  scale <- df / (mean * (df - 2))
  # with four degrees of freedom or fewer there is no variance to match, but the equations hold on
  if (!all(is.finite(c(df, scale))) || df <= 0 || scale <= 0) {
    warn_rlmm("ddf", paste("Kenward and Roger's approximation does not exist for a hypothesis of",
      q, "contrasts: there are too few groups to estimate their covariance"))
    return(list(scale = NA_real_, df = NA_real_))
  }
  list(scale = scale, df = df)
}
