#' Fit a model again
#'
#' `refit()` fits a model to other values of the response, or with other weights; `refitML()` fits a
#' REML fit by maximum likelihood. Formula and data are not read again, and the search starts from
#' the estimates of the first fit.
#'
#' @param object,x A model fitted by [rlmm()], or by lme4.
#' @param newresp The new response: a vector with a value for each row of the fit, or for each row
#'   of the data including those that the fit left out because of missing values. A matrix, data
#'   frame or list of several responses is fitted column by column, see below. Without it, the
#'   response of the fit.
#' @param newweights New prior weights, of the same lengths.
#' @param rename.response Should the formula get the name of the new response?
#' @param control Settings made by [rlmm_control()] in place of those of the fit. Settings made
#'   for lme4 have no effect.
#' @param ddf For several responses: degrees of freedom by Satterthwaite's method, or none.
#' @param ... Handed to the methods. Arguments that lme4 has beside these, such as `maxit` and
#'   `optimizer`, have no effect.
#' @return A fitted model of class `rlmm`. Rows whose new response is missing are left out of it.
#'
#'   For several responses (a matrix with more than one column, and so on) an object of class
#'   `rlmm_refits`, which holds the estimates but not the fitted models; see
#'   [as.data.frame.rlmm_refits()].
#' @details
#' The new fit keeps the call of the first one: [update()] fits the original response again unless
#' `rename.response = TRUE` and the data have a column of the new name.
#'
#' These are generics with lme4's names and arguments. They hand fits of lme4 on to it, and lme4's
#' own generics know our fits.
#' @section Errors:
#' `rlmm_response`, `rlmm_weights`, `rlmm_infinite` for values that cannot be used.
#' @examples
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' refit(fit, log(sleepstudy$Reaction))
#' refitML(fit)
#'
#' # a small simulation study
#' sims <- simulate(fit, nsim = 5, seed = 1)
#' estimates <- as.data.frame(refit(fit, sims))
#' estimates[estimates$term == "Days", ]
#' @rawNamespace
#' S3method(lme4::refit, rlmm)
#' S3method(lme4::refitML, rlmm)
#' @export
refit <- function(object, newresp, ...) UseMethod("refit")

#' @export
refit.default <- function(object, newresp, ...) {
  if (missing(newresp)) return(hand_to_lme4("refit", object, ...))
  hand_to_lme4("refit", object, newresp, ...)
}

#' @rdname refit
#' @export
refit.rlmm <- function(object, newresp = NULL, newweights = NULL, rename.response = FALSE,
                       control = NULL, ddf = c("Satterthwaite", "none"), ...) {
  name <- substitute(newresp)
  if (!is.null(newweights)) object <- with_weights(object, newweights, substitute(newweights))
  if (inherits(control, "rlmm_control")) object$control <- control
  if (response_count(newresp) > 1L) {
    return(refit_many(object, response_matrix(object, newresp), ddf))
  }
  if (is.list(newresp) || is.matrix(newresp)) {
    given <- if (is.list(newresp)) names(newresp) else colnames(newresp)
    if (!is.null(given)) name <- as.name(given)
    newresp <- if (is.list(newresp)) newresp[[1L]] else newresp[, 1L]
  }
  object <- with_response(object, newresp)
  if (rename.response) object <- with_response_name(object, name)
  fit_again(object)
}

# Number of responses in a vector, matrix, data frame or list.
response_count <- function(x) {
  if (is.null(x)) 1L else if (is.list(x)) length(x) else NCOL(x)
}

#' @rdname refit
#' @export
refitML <- function(x, ...) UseMethod("refitML")

#' @export
refitML.default <- function(x, ...) hand_to_lme4("refitML", x, ...)

#' @rdname refit
#' @export
refitML.rlmm <- function(x, ...) {
  if (!x$REML) return(x)
  x$REML <- FALSE
  if (!is.null(x$call)) x$call$REML <- FALSE
  fit_again(x)
}

# A fit of what the object's frame holds now.
fit_again <- function(object) {
  frame <- rebuilt_frame(object)
  check_random_terms(frame$random, sum(used_rows(frame$frame)), object$control$check)
  record <- new_record()
  started <- seconds()
  opt <- logged(fit_frame(frame, start_from(object)), record)
  searched <- seconds()
  fit <- logged(rlmm_object(frame, opt, object$call), record)
  fit$dropped <- union(object$dropped, fit$dropped)
  if (length(object$fixed)) fit <- fit_constrained(fit, object$fixed)
  with_log(fit, record, c(search = searched - started, object = seconds() - searched))
}

# The estimates to start from, moved off the boundary: the search could take a point where the
# first fit had no variance for a stationary one.
start_from <- function(object) {
  theta <- object$theta
  if (all(theta[theta_on_diagonal(object)] > 1e-3)) theta
}

with_response <- function(object, y) {
  if (is.null(y)) return(object)
  y <- response_rows(object, y)
  leave_out <- is.na(y)
  # a row of weight zero needs no response, as it has none after simulate()
  unused <- leave_out & !used_rows(object$frame)
  y[unused] <- response_of(object)[unused]
  leave_out[unused] <- FALSE
  object$frame[[1L]] <- y
  object$raw <- object$raw[setdiff(names(object$raw), all.vars(object$formula[[2L]]))]
  if (any(leave_out)) {
    object$frame <- without_rows(object$frame, leave_out)
    object$raw <- object$raw[!leave_out, , drop = FALSE]
  }
  check_column(object$frame[[1L]], names(object$frame)[1L])
  frame_response(object$frame)
  object
}

# A response with a value for each row of the frame, as numbers.
response_rows <- function(object, y) {
  if (!is.numeric(y) && !is.logical(y)) {
    stop_rlmm("response", paste0("the new response must be numeric, not of class '", class(y)[1L],
      "'"), column = names(object$frame)[1L])
  }
  as.double(frame_rows(object, y, "response", "the new response"))
}

# Those of a vector's values that belong to rows of the frame.
frame_rows <- function(object, x, kind, what) {
  left_out <- attr(object$frame, "na.action")
  n <- nrow(object$frame)
  if (length(x) == n) return(as.vector(x))
  if (length(x) == n + length(left_out)) return(as.vector(x)[-left_out])
  stop_rlmm(kind, paste0(what, " has ", length(x), " values, and the fit has ", n, " rows",
    if (length(left_out)) paste0(" (", n + length(left_out), " with those left out)")),
  column = kind)
}

# A model frame without some rows, which go into its attribute "na.action" with those left out
# before.
without_rows <- function(frame, leave_out) {
  before <- attr(frame, "na.action")
  all <- seq_len(nrow(frame) + length(before))
  kept <- if (length(before)) all[-before] else all
  now <- stats::setNames(kept[leave_out], row.names(frame)[leave_out])
  both <- sort(c(before, now))
  class(both) <- if (is.null(before)) "omit" else class(before)
  terms <- attr(frame, "terms")
  if (all(leave_out)) stop_rlmm("no_rows", "all values of the new response are missing")
  frame <- frame[!leave_out, , drop = FALSE]
  for (name in names(frame)) {
    if (has_unused_levels(frame[[name]])) frame[[name]] <- without_unused(frame[[name]], name)
  }
  structure(frame, terms = terms, na.action = both)
}

with_weights <- function(object, weights, expression) {
  check_weights(weights, NULL)
  weights <- as.double(frame_rows(object, weights, "weights", "'newweights'"))
  object$frame[["(weights)"]] <- weights
  if (!is.null(object$call)) object$call$weights <- expression
  object
}

with_response_name <- function(object, name) {
  if (!is.name(name) && !is.call(name)) return(object)
  names(object$frame)[1L] <- text_of(name)
  object$formula[[2L]] <- name
  if (!is.null(object$call)) object$call$formula <- object$formula
  terms <- attr(object$frame, "terms")
  terms[[2L]] <- name
  attr(terms, "variables")[[2L]] <- name
  attr(terms, "predvars")[[2L]] <- name
  names(attr(terms, "dataClasses"))[1L] <- text_of(name)
  if (length(attr(terms, "factors"))) rownames(attr(terms, "factors"))[1L] <- text_of(name)
  attr(object$frame, "terms") <- terms
  object
}
