# What bootstrap samples are drawn from.

# How responses are drawn: `mean` stays; effects of the terms in `drawn`, and residuals, are added.
# They are normal, or else drawn from `effects` and `residuals`, standardised ones.
sampling_plan <- function(object, type, kept) {
  data <- object$frame
  used <- used_rows(data)
  mean <- fixed_part(object, data) + offset_or_zero(data) + random_part(object, data, kept, TRUE)
  plan <- list(mean = mean[used], theta = as.double(object$theta), sigma = object$sigma,
    drawn = !is_kept(object, data, kept), effects = list(), residuals = double())
  if (type == "parametric") return(plan)
  plan$residuals <- standardised_residuals(object)[used]
  plan$effects <- lapply(object$random, function(term) double())
  if (type == "residual") {
    plan$residuals <- plan$residuals - mean(plan$residuals)
    plan$residuals <- plan$residuals / sqrt(mean(plan$residuals^2))
    plan$effects[plan$drawn] <- standardised_modes(object)[plan$drawn]
  }
  plan
}

# On the scale of weight one, in units of sigma.
standardised_residuals <- function(object) {
  e <- (response_of(object) - linear_predictor(object)) / object$sigma
  weights <- stats::model.weights(object$frame)
  if (is.null(weights)) e else e * sqrt(weights)
}

# The spherical random effects of each term, level by level, centred and then transformed to have
# unit covariance: the modes are shrunken, and without this a bootstrap would find too little
# variance (Carpenter, Goldstein & Rasbash 2003, section 3.2). Directions without variance stay so.
standardised_modes <- function(object) {
  parts <- part_index(effects_by_term(object))
  Map(function(term, part) {
    u <- matrix(object$u[part] / object$sigma, length(term$columns))
    if (ncol(u) <= nrow(u)) {
      stop_rlmm("too_many_effects", paste0("the residual bootstrap needs more levels than ",
        "effects; the term of '", term$group, "' has ", ncol(u), " levels and ", nrow(u),
        " effects"),
      term = term$name)
    }
    u <- u - rowMeans(u)
    parts <- eigen(tcrossprod(u) / ncol(u), symmetric = TRUE)
    there <- parts$values > 1e-12 * max(parts$values, 1e-300)
    root <- ifelse(there, 1 / sqrt(pmax(parts$values, 1e-300)), 0)
    as.vector(parts$vectors %*% (root * crossprod(parts$vectors, u)))
  }, object$random, unname(parts))
}

# Which cases to draw: the groups of a grouping factor, rows within them, or both.
case_plan <- function(object, cluster, resample) {
  used <- used_rows(object$frame)
  terms <- random_terms(object)
  factors <- lapply(terms[!duplicated(vapply(terms, `[[`, 1L, "factor"))], function(term) {
    list(name = term$group, codes = term$codes[used], levels = term$levels)
  })
  names(factors) <- vapply(factors, `[[`, "", "name")
  if (is.null(cluster)) cluster <- outermost_factor(factors)
  own <- factors[[one_of(cluster, names(factors), "cluster")]]
  list(
    codes = own$codes, groups = length(own$levels),
    draw_groups = resample != "rows", draw_rows = resample != "groups",
    copied = resample != "rows" & vapply(factors, is_nested, NA, outer = own)
  )
}

is_nested <- function(inner, outer) {
  first <- match(seq_along(inner$levels), inner$codes)
  all(outer$codes == outer$codes[first[inner$codes]])
}

# The factor in whose levels those of all others are nested.
outermost_factor <- function(factors) {
  holds_all <- vapply(factors, function(outer) {
    all(vapply(factors, is_nested, NA, outer = outer))
  }, NA)
  if (any(holds_all)) return(names(factors)[holds_all][1L])
  stop_rlmm("bad_argument", paste0("the grouping factors ", quoted_list(names(factors)),
    " are crossed: say whose groups are the cases, as cluster = \"", names(factors)[1L], "\""),
  column = "cluster")
}
