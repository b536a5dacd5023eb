# Estimates without some of the rows.
#
# At fixed theta, exactly and without fitting again: with r the weighted residuals given the random
# effects, H the hat matrix, and F the rows' part in the fixed effects (V0^-1 X RX^-1 in the
# weighted scale), leaving out the rows I changes
#   RX beta   by -F_I' g,     g = (I - H_II)^-1 r_I
#   pwrss     by -r_I' g
#   RX cov(beta) RX' / sigma^2 from I to I + F_I'(I - H_II)^-1 F_I.
# Cook & Weisberg (1982), section 3.5, in the rows of the penalised least squares problem.

# Groups with more rows are left out of the cross-products instead.
CLOSED_FORM_ROWS <- 400L

# Every row on its own, all at once.
without_each_row <- function(object, parts) {
  slack <- ifelse(parts$h < 1 - 1e-10, 1 - parts$h, NA)
  g <- parts$r / slack
  RX_inverse <- inverse_RX(object)
  variances <- vapply(seq_along(object$beta), function(k) {
    row <- RX_inverse[k, ]
    sum(row^2) + drop(parts$F %*% row)^2 / slack
  }, parts$h)
  table_without(object, -(parts$F * g) %*% t(RX_inverse), object$cmp[["pwrss"]] - parts$r * g,
    matrix(variances, length(g)), as.numeric(parts$root_w > 0))
}

# Each group of rows: `rows` is a list of row numbers.
without_each_group <- function(object, parts, rows) {
  p <- length(object$beta)
  by_row <- Matrix::t(parts$rows$t)
  RX_inverse <- inverse_RX(object)
  large <- lengths(rows) > CLOSED_FORM_ROWS
  changes <- lapply(rows[!large], function(I) {
    g <- deleted_rows_solution(parts, by_row, I)
    if (is.null(g)) return(rep(NA_real_, 2L * p + 2L))
    fixed <- parts$F[I, , drop = FALSE]
    spread <- (diag(p) + crossprod(fixed, g[, -1L, drop = FALSE])) %*% t(RX_inverse)
    c(-RX_inverse %*% crossprod(fixed, g[, 1L]), colSums(t(RX_inverse) * spread),
      sum(parts$r[I] * g[, 1L]), sum(parts$root_w[I] > 0))
  })
  out <- matrix(NA_real_, length(rows), 2L * p + 2L)
  if (!all(large)) out[!large, ] <- do.call(rbind, changes)
  table <- table_without(object, out[, seq_len(p), drop = FALSE],
    object$cmp[["pwrss"]] - out[, 2L * p + 1L], out[, p + seq_len(p), drop = FALSE],
    out[, 2L * p + 2L])
  if (any(large)) table <- replace_rows(table, large, without_by_rust(object, rows[large], FALSE))
  table
}

# (I - H_II)^-1 of the residuals and of F, NULL where the other rows do not determine the model.
deleted_rows_solution <- function(parts, by_row, I) {
  H <- hat_block(parts, by_row, I)
  R <- tryCatch(chol(diag(length(I)) - H), error = function(e) NULL)
  if (is.null(R) || min(diag(R)) < 1e-5) return(NULL)
  right <- cbind(parts$r[I], parts$F[I, , drop = FALSE])
  backsolve(R, backsolve(R, right, transpose = TRUE))
}

# The rows and columns I of the hat matrix.
hat_block <- function(parts, by_row, I) {
  codes <- parts$rows$codes[I]
  same <- outer(codes, codes, `==`)
  lead <- tcrossprod(parts$rows$E[I, , drop = FALSE]) * (same & !is.na(same))
  joint <- parts$joint
  if (is.null(joint$inverse)) {
    columns <- by_row[, I, drop = FALSE]
    rest <- as.matrix(Matrix::crossprod(columns, joint$solve(columns)))
  } else {
    rest <- dense_block(by_row, I, joint$inverse)
  }
  (lead + rest) * tcrossprod(parts$root_w[I])
}

# t_I S^-1 t_I' from the columns that the rows I use, which are few.
dense_block <- function(by_row, I, inverse) {
  block <- dense_rows(by_row, I)
  block$t %*% inverse[block$used, block$used, drop = FALSE] %*% t(block$t)
}

# What is known of each deletion: change of beta, standard errors, sigma.
table_without <- function(object, change, pwrss, variances, n_left_out) {
  d <- residual_dimension(object) - n_left_out
  sigma <- sqrt(ifelse(d > 0, pmax(pwrss, 0) / d, NA))
  list(change = change, se = sqrt(variances) * sigma, sigma = sigma,
    theta = NULL, stopped = NULL)
}

replace_rows <- function(table, at, by) {
  table$change[at, ] <- by$change
  table$se[at, ] <- by$se
  table$sigma[at] <- by$sigma
  table
}

# The rows left out of the data: estimates at the fitted theta, or by a search that begins there.
without_by_rust <- function(object, rows, refit) {
  frame <- rebuilt_frame(object)
  p <- length(object$beta)
  used <- root_weights(object) > 0
  fits <- lapply(rows, function(I) {
    kept <- replace(used, I, FALSE)
    tryCatch(estimates_of_rows(object, frame, kept, refit), rlmm_error = function(e) NULL)
  })
  numbers <- function(part, size) {
    matrix(unlist(lapply(fits, function(fit) {
      if (is.null(fit)) rep(NA_real_, size) else fit[[part]]
    })), ncol = size, byrow = TRUE)
  }
  list(change = numbers("change", p), se = numbers("se", p), sigma = drop(numbers("sigma", 1L)),
    theta = if (refit) numbers("theta", length(object$theta)),
    certified = if (refit) vapply(fits, function(fit) isTRUE(fit$certified), NA))
}

estimates_of_rows <- function(object, frame, kept, refit) {
  built <- rust_result(rust_model(
    rows(frame$X, kept), colnames_or_none(frame$X), rows(frame$y, kept),
    rows(frame$weights, kept), rows(frame$offset, kept),
    lapply(frame$random, term_for_rust, used = kept), frame$REML, thread_count(frame$control)
  ))
  control <- object$control
  fit <- rust_result(if (refit) {
    rust_fit(built$model, object$theta, control$tol, control$max_eval, Inf)
  } else {
    rust_at(built$model, object$theta, FALSE)
  })
  p <- length(object$beta)
  change <- se <- rep(NA_real_, p)
  change[built$kept] <- fit$beta - object$beta[built$kept]
  RX <- matrix(as.double(fit$RX), length(built$kept))
  se[built$kept] <- fit$sigma * sqrt(diag(chol2inv(RX)))
  list(change = change, se = se, sigma = fit$sigma, theta = fit$theta,
    certified = fit$certificate$certified)
}
