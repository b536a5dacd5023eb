# What anova() needs to know of the models it compares, whichever function has fitted them.

# name, fit, formula (text), data (text), REML (NA where there is no such choice), and for the rows
# that count: y, X (columns kept), offset, weights; terms: list of codes and Z.
model_parts <- function(fit, name) {
  parts <- if (inherits(fit, "rlmm")) rlmm_parts(fit) else
    if (inherits(fit, "merMod")) lmer_parts(fit, name) else lm_parts(fit, name)
  c(list(name = name, fit = fit), parts)
}

rlmm_parts <- function(fit) {
  used <- used_rows(fit$frame)
  terms <- lapply(random_terms(fit), function(term) {
    list(codes = term$codes[used], Z = left_matrix(term, length(used))[used, , drop = FALSE])
  })
  list(
    formula = text_of(fit$formula), data = data_text(fit$call$data), REML = fit$REML,
    y = response_of(fit)[used], X = fixed_matrix(fit)[used, , drop = FALSE],
    offset = offset_or_zero(fit$frame)[used],
    weights = weights_or_one(stats::model.weights(fit$frame), used), terms = terms
  )
}

lmer_parts <- function(fit, name) {
  if (!inherits(fit, "lmerMod") || !requireNamespace("lme4", quietly = TRUE)) {
    stop_rlmm("bad_argument", paste0("the model '", name, "' is of class '", class(fit)[1L],
      "'; only linear models can be compared with one by rlmm()"), term = name)
  }
  factors <- lme4::getME(fit, "flist")
  assign <- attr(factors, "assign")
  terms <- Map(function(Z, i) list(codes = as.integer(factors[[i]]), Z = unname(Z)),
    unname(lme4::getME(fit, "mmList")), assign)
  list(
    formula = text_of(stats::formula(fit)), data = data_text(fit@call$data),
    REML = lme4::isREML(fit), y = as.double(lme4::getME(fit, "y")), X = lme4::getME(fit, "X"),
    offset = as.double(lme4::getME(fit, "offset")), weights = as.double(fit@resp$weights),
    terms = terms
  )
}

lm_parts <- function(fit, name) {
  if (!identical(class(fit), "lm")) {
    stop_rlmm("bad_argument", paste0("the model '", name, "' is of class '", class(fit)[1L],
      "'; only linear models can be compared with one by rlmm()"), term = name)
  }
  frame <- stats::model.frame(fit)
  used <- used_rows(frame)
  X <- stats::model.matrix(fit)[used, fit$qr$pivot[seq_len(fit$rank)], drop = FALSE]
  list(
    formula = text_of(stats::formula(fit)), data = data_text(fit$call$data), REML = NA,
    y = as.double(stats::model.response(frame))[used], X = X, offset = offset_or_zero(frame)[used],
    weights = weights_or_one(stats::model.weights(frame), used), terms = list()
  )
}

weights_or_one <- function(weights, used) {
  if (is.null(weights)) rep(1, sum(used)) else as.double(weights[used])
}

data_text <- function(x) {
  if (is.null(x)) return(NULL)
  x <- short_expression(x)
  if (is.language(x)) text_of(x) else NULL
}

# The models' names: those given, otherwise the expressions if these are short.
model_labels <- function(fits, expressions, model.names) {
  if (!is.null(model.names)) {
    if (!is.character(model.names) || length(model.names) != length(fits)) {
      stop_rlmm("bad_argument", paste0("'model.names' must be ", length(fits), " strings"),
        column = "model.names")
    }
    return(make.unique(model.names))
  }
  labels <- vapply(seq_along(fits), function(i) {
    text <- if (is.language(expressions[[i]])) text_of(expressions[[i]]) else ""
    if (nzchar(text) && nchar(text) <= 40L) text else paste0("model", i)
  }, "")
  given <- names(expressions)
  if (!is.null(given)) labels[nzchar(given)] <- given[nzchar(given)]
  make.unique(labels)
}

# Are all models of the same observations?
check_same_data <- function(models) {
  first <- models[[1L]]
  for (model in models[-1L]) {
    if (length(model$y) != length(first$y)) {
      stop_rlmm("different_data", paste0("the models are not of the same observations: '",
        first$name, "' has ", length(first$y), " and '", model$name, "' has ", length(model$y),
        "; where variables of one of them have missing values, fit both to the rows that are ",
        "complete"), term = c(first$name, model$name))
    }
    if (!isTRUE(all.equal(model$y, first$y, tolerance = 1e-12))) {
      stop_rlmm("different_response", paste0("the models have different responses, or other rows ",
        "of the data: '", first$name, "' and '", model$name, "'; their likelihoods cannot be ",
        "compared"), term = c(first$name, model$name))
    }
  }
}
