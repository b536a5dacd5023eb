# From the model frame to Rust and back.

#' @rdname rlmm-steps
#' @export
rlmm_devfun <- function(frame, verbose = 0L) {
  tell <- isTRUE(verbose > 0)
  if (tell) print_sizes(frame)
  if (frame$control$progress) announce_reading(frame)
  built <- rust_result(do.call(rust_model, rust_arguments(frame)))
  frame$dropped <- dropped_columns(frame$X, built$kept)
  report_rank(frame$dropped, frame$control$check$rank_X)
  if (tell) cat(factorisation_text(built$factorisation), "\n", sep = "")
  make_devfun(frame, built$model, built$kept, built$factorisation)
}

# A frame's rows of positive weight, as the functions in Rust take them.
rust_arguments <- function(frame) {
  used <- if (!is.null(frame$weights) && any(frame$weights == 0)) frame$weights > 0
  list(
    rows(frame$X, used), colnames_or_none(frame$X), rows(frame$y, used),
    rows(frame$weights, used), rows(frame$offset, used),
    lapply(frame$random, term_for_rust, used = used), frame$REML, thread_count(frame$control)
  )
}

# In an environment of its own, so that nothing else is kept alive by the function.
make_devfun <- function(frame, model, kept, factorisation) {
  force(model)
  force(kept)
  force(factorisation)
  n_theta <- theta_length(frame$random)
  function(theta) {
    if (!is.numeric(theta) || length(theta) != n_theta || !all(is.finite(theta))) {
      stop_rlmm("start", paste0("theta must be ", n_theta, " finite numbers (",
        paste(theta_names(frame), collapse = ", "), ")"), column = "theta")
    }
    rust_result(rust_at(model, as.double(theta), FALSE))$criterion
  }
}

rows <- function(x, used) {
  if (is.null(used) || is.null(x)) return(x)
  if (is.matrix(x)) x[used, , drop = FALSE] else x[used]
}

colnames_or_none <- function(X) if (ncol(X)) dimnames(X)[[2L]] else character()

dropped_columns <- function(X, kept) {
  if (length(kept) == ncol(X)) character() else colnames(X)[-kept]
}

term_for_rust <- function(term, used) {
  list(codes = rows(term$codes, used), nlevels = length(term$levels), Z = rows(term$Z, used),
    factor = term$factor, name = term$name)
}

theta_length <- function(random) {
  p <- vapply(random, function(term) length(term$columns), 1L)
  sum(p * (p + 1L) / 2)
}

report_rank <- function(dropped, action) {
  if (length(dropped) == 0L) return(invisible())
  one <- length(dropped) == 1L
  signal_as(action, "rank_deficient", paste0("the fixed effects are rank deficient: ",
    if (one) "column " else "columns ", quoted_list(dropped), if (one) " is" else " are",
    " redundant", if (action != "stop") " and dropped"), column = dropped)
}

#' @rdname rlmm-steps
#' @export
rlmm_optimize <- function(devfun, start = NULL, verbose = 0L) {
  parts <- environment(devfun)
  if (!is.function(devfun) || is.null(parts$model)) {
    stop_rlmm("bad_argument", "'devfun' must be made by rlmm_devfun()", column = "devfun")
  }
  control <- parts$frame$control
  theta <- start_theta(start, parts$frame)
  tell <- isTRUE(verbose > 0)
  print_after <- if (tell) 0 else if (control$progress) progress_after(parts$factorisation) else Inf
  opt <- rust_result(rust_fit(parts$model, theta, control$tol, control$max_eval, print_after))
  opt$factorisation <- parts$factorisation
  opt$kept <- parts$kept
  if (tell) cat(outcome_text(opt), "\n", sep = "")
  opt
}

# theta to start from, of length zero to leave it to the search.
start_theta <- function(start, frame) {
  theta <- if (is.list(start)) start$theta else start
  if (is.list(start) && length(unknown <- setdiff(names(start), c("theta", "fixef", "beta")))) {
    stop_rlmm("start", paste0("'start' has the unknown element ", quoted_list(unknown),
      "; it can have 'theta' (fixed effects are not searched for)"), column = unknown[1L])
  }
  if (is.null(theta)) return(double())
  if (!is.numeric(theta) || !all(is.finite(theta))) {
    stop_rlmm("start", "'start' must be finite numbers, or a list of theta", column = "start")
  }
  expected <- theta_length(frame$random)
  if (length(theta) != expected) {
    stop_rlmm("start", paste0("'start' has ", length(theta), " values for the ", expected,
      " covariance parameters (", paste(theta_names(frame), collapse = ", "), ")"),
    column = "start")
  }
  as.double(theta)
}

# The whole fit of a frame in one step.
fit_frame <- function(frame, start = NULL, verbose = 0L) {
  rlmm_optimize(rlmm_devfun(frame, verbose), start, verbose)
}

#' @rdname rlmm-steps
#' @export
rlmm_object <- function(frame, opt, call = NULL) {
  columns <- colnames_or_none(frame$X)[opt$kept]
  beta <- as.double(opt$beta)
  names(beta) <- columns
  object <- list(
    call = call, formula = frame$formula, frame = frame$frame, raw = frame$raw,
    contrasts = frame$contrasts, random = lapply(frame$random, term_to_keep),
    theta = as.double(opt$theta), beta = beta,
    u = as.double(opt$u), sigma = opt$sigma,
    RX = matrix(as.double(opt$RX), length(columns), dimnames = list(columns, columns)),
    REML = frame$REML, criterion = opt$criterion, dropped = dropped_columns(frame$X, opt$kept),
    cmp = criterion_parts(opt, frame$REML), dims = dimensions(frame, opt),
    optinfo = opt[names(opt) %in% c("evaluations", "trace", "gradient", "hessian",
      "certificate", "factorisation", "messages", "stopped")],
    log = list(R = R.version.string, date = Sys.time()),
    version = session$version, control = frame$control
  )
  class(object) <- "rlmm"
  report_fit(object, frame)
}

term_to_keep <- function(term) {
  term[!names(term) %in% c("codes", "Z")]
}

criterion_parts <- function(opt, REML) {
  c(opt$cmp, REML = if (REML) opt$criterion else NA_real_, dev = opt$devcrit[["dev"]])
}

dimensions <- function(frame, opt) {
  factors <- vapply(frame$random, `[[`, 1L, "factor")
  c(n = used_row_count(frame$frame), p = length(opt$kept), q = length(opt$u),
    nth = length(opt$theta), n_terms = length(factors), n_factors = max(factors))
}

not_certified_text <- function(certificate) {
  paste(c("the optimum is not certified", doubt_text(certificate)), collapse = ": ")
}

# Why, in the certificate's words.
doubt_text <- function(certificate) sub("^not certified: ", "", certificate$text)

# Tells of a fit that is not certified, and of a singular one; the texts stay with the fit.
report_fit <- function(object, frame) {
  if (!all(is.finite(c(object$criterion, object$sigma, object$beta, object$theta)))) {
    stop_rlmm("not_finite", paste0("the fit has no finite criterion: the response may be ",
      "explained perfectly by the model, or the columns differ too much in scale"))
  }
  findings <- term_findings(frame$random, object$theta)
  certificate <- object$optinfo$certificate
  if (!isTRUE(certificate$certified)) {
    warn_rlmm("not_certified", not_certified_text(certificate))
  }
  for (found in findings) {
    signal_as(if (found$kind == "singular") "message" else "warning", found$kind, found$text,
      term = found$term, column = found$columns)
  }
  object$optinfo$messages <- c(object$optinfo$messages, vapply(findings, `[[`, "", "text"))
  object
}
