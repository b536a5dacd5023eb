# Standard errors and intervals of predictions. For a row with fixed part x and random part z the
# error of x'beta + z'b has variance sigma^2 [z; x]'T C^-1 T'[z; x] where the level is known, and a
# level that the fit has not seen adds z'Sigma z.

# Variances of the predictions' errors: `mean` is for x'beta + z'b; a new observation has those of
# the left-out terms (a function, since only it needs them) and of the residual on top.
prediction_variance <- function(object, data, bars, random.only, weights) {
  terms <- prediction_terms(object, data, bars)
  X <- if (random.only) matrix(0, nrow(data), length(object$beta)) else fixed_matrix(object, data)
  joint <- joint_inverse(object)
  variance <- object$sigma^2 * joint_variance(joint, joint_rows(joint, terms, X))
  covariances <- lapply(relative_covariances(object), `*`, object$sigma^2)
  unseen <- Map(function(term, Sigma) {
    ifelse(is.na(term$codes), quadratic_rows(term$Z, Sigma), 0)
  }, terms, covariances)
  list(mean = Reduce(`+`, unseen, variance),
    left_out = function() left_out_variance(object, data, terms, covariances),
    residual = object$sigma^2 / weights)
}

quadratic_rows <- function(Z, Sigma) rowSums((Z %*% Sigma) * Z)

# What the terms and columns that re.form leaves out add for a new observation: their own variance,
# as for a level drawn anew.
left_out_variance <- function(object, data, terms, covariances) {
  all <- prediction_terms(object, data, parse_formula(object$formula)$bars, codes = FALSE)
  Reduce(`+`, Map(function(term, full, Sigma) {
    anew <- quadratic_rows(full$Z, Sigma) - quadratic_rows(term$Z, Sigma)
    ifelse(is.na(term$codes), anew, quadratic_rows(full$Z - term$Z, Sigma))
  }, terms, all, covariances), numeric(nrow(data)))
}

# The model's terms on any data, with zeros for the columns that the bars leave out, and NA as code
# of a level that is new, missing or not asked for.
prediction_terms <- function(object, data, bars, codes = TRUE) {
  terms <- lapply(object$random, function(term) {
    term$codes <- rep(NA_integer_, nrow(data))
    term$Z <- matrix(0, nrow(data), length(term$columns))
    term
  })
  for (bar in bars) {
    Z <- bar_matrix(object, bar, data)
    parts <- if (bar$split) as.list(colnames(Z)) else list(colnames(Z))
    for (group in bar$groups) {
      found <- if (codes) group_codes(group, data)
      for (columns in parts) {
        at <- term_columns(object, group$name, columns)
        for (k in seq_along(columns)) {
          i <- at$term[k]
          terms[[i]]$Z[, at$column[k]] <- terms[[i]]$Z[, at$column[k]] + Z[, columns[k]]
          if (codes) terms[[i]]$codes <- match(found$levels, terms[[i]]$levels)[found$codes]
        }
      }
    }
  }
  with_common_codes(terms)
}

# Terms of the same factor have the same codes, also those that a bar does not name.
with_common_codes <- function(terms) {
  factors <- vapply(terms, `[[`, 1L, "factor")
  for (f in unique(factors)) {
    all <- lapply(terms[factors == f], `[[`, "codes")
    codes <- Reduce(function(a, b) ifelse(is.na(a), b, a), all)
    for (i in which(factors == f)) terms[[i]]$codes <- codes
  }
  terms
}

bar_matrix <- function(object, bar, data) {
  if (is.null(bar$terms)) return(matrix(1, nrow(data), 1L, dimnames = list(NULL, "(Intercept)")))
  stats::model.matrix(bar$terms, data, contrasts_of(object, bar$terms))
}

# Term and column in which a column of a bar is found: the term with exactly these columns,
# otherwise the first of the factor's terms that has it, as in modes_of_columns().
term_columns <- function(object, group, columns) {
  candidates <- which(vapply(object$random, `[[`, "", "group") == group)
  same <- vapply(object$random[candidates], function(t) identical(t$columns, columns), NA)
  if (any(same)) candidates <- candidates[which(same)[1L]]
  positions <- lapply(object$random[candidates], function(term) match(columns, term$columns))
  first <- apply(do.call(cbind, positions), 1L, function(at) which(!is.na(at))[1L])
  list(term = candidates[first], column = mapply(function(i, k) positions[[i]][k], first,
    seq_along(columns)))
}

# The value of predict() when standard errors or an interval are asked for.
with_interval <- function(fit, variance, se.fit, interval, level, df, residual_scale, na_action) {
  se <- sqrt(variance$mean)
  names(se) <- names(fit)
  out <- fit
  if (interval != "none") {
    width <- if (interval == "confidence") se else
      sqrt(variance$mean + variance$left_out() + variance$residual)
    half <- stats::qt((1 + level) / 2, df) * width
    out <- cbind(fit = fit, lwr = fit - half, upr = fit + half)
    rownames(out) <- names(fit)
  }
  out <- stats::naresid(na_action, out)
  if (!se.fit) return(out)
  list(fit = out, se.fit = stats::naresid(na_action, se), df = df, residual.scale = residual_scale)
}

check_interval <- function(level, df, n) {
  check_level(level)
  if (!is.numeric(df) || anyNA(df) || any(df <= 0) || !length(df) %in% c(1L, n)) {
    stop_rlmm("bad_argument", "'df' must be positive: one number, or one for each row",
      column = "df")
  }
}

# Weights of the observations to predict: those of the fit for its rows, otherwise one.
prediction_weights <- function(object, weights, newdata, n) {
  if (is.null(weights)) {
    own <- if (is.null(newdata)) stats::model.weights(object$frame)
    return(if (is.null(own)) rep(1, n) else own)
  }
  if (!is.numeric(weights) || !length(weights) %in% c(1L, n) || anyNA(weights) ||
      any(weights <= 0)) {
    stop_rlmm("bad_argument", "'weights' must be positive: one number, or one for each row",
      column = "weights")
  }
  rep_len(weights, n)
}
