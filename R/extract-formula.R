#' Formula, data and matrices of a fitted model
#'
#' @param x,object,formula A model fitted by [rlmm()].
#' @param fixed.only,random.only Only the part for the fixed effects, or only the random-effects
#'   terms.
#' @param type `"fixed"` for the model matrix of the fixed effects, `"random"` for the sparse Z (a
#'   `dgCMatrix`), `"randomListRaw"` for a list of the dense model matrices of the terms' left
#'   sides.
#' @param formula. Changes to the formula, as in [update.formula()].
#' @param evaluate Fit the changed model, or give its call only?
#' @param ... For `update()`, arguments of [rlmm()] to change, `NULL` to remove one. Otherwise
#'   not used.
#' @return A formula, a terms object, a data frame, a matrix. The model matrix of the fixed effects
#'   has the columns that the fit kept, and the attributes `assign` and `contrasts`. `update()`
#'   gives a new fit: the call is evaluated again where `update()` was called, with the formula of
#'   the fit and not what a variable of that name now holds.
#' @section Errors: Those of [rlmm()], and `rlmm_bad_argument` when both `fixed.only` and
#'   `random.only` are asked for.
#' @examples
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' formula(fit, fixed.only = TRUE)
#' head(model.matrix(fit))
#' update(fit, . ~ . - Days, REML = FALSE)
#' @name formula.rlmm
NULL

#' @rdname formula.rlmm
#' @importFrom stats formula
#' @export
formula.rlmm <- function(x, fixed.only = FALSE, random.only = FALSE, ...) {
  one_part_only(fixed.only, random.only)
  if (fixed.only) return(fixed_formula(x$formula))
  if (random.only) return(random_formula(x$formula))
  x$formula
}

one_part_only <- function(fixed.only, random.only) {
  if (fixed.only && random.only) {
    stop_rlmm("bad_argument", "'fixed.only' and 'random.only' cannot both be TRUE")
  }
}

# The random-effects terms alone, with the response.
random_formula <- function(formula) {
  bars <- lapply(find_bars(formula), function(bar) call("(", bar))
  formula[[3]] <- Reduce(function(a, b) call("+", a, b), bars)
  formula
}

#' @rdname formula.rlmm
#' @importFrom stats terms
#' @export
terms.rlmm <- function(x, fixed.only = TRUE, random.only = FALSE, ...) {
  if (missing(fixed.only) && random.only) fixed.only <- FALSE
  one_part_only(fixed.only, random.only)
  if (fixed.only) return(fixed_terms(x))
  all <- attr(x$frame, "terms")
  if (!random.only) return(all)
  bars <- parse_formula(x$formula)$bars
  variables <- c(left_variables(bars), group_variables(bars))
  restrict_terms(all, variables, response = TRUE)
}

#' @rdname formula.rlmm
#' @importFrom stats model.frame
#' @export
model.frame.rlmm <- function(formula, fixed.only = FALSE, ...) {
  if (!fixed.only) return(formula$frame)
  terms <- fixed_terms(formula)
  variables <- variable_names(terms)
  extra <- intersect(c("(weights)", "(offset)"), names(formula$frame))
  frame <- formula$frame[c(variables, extra)]
  attr(frame, "terms") <- terms
  frame
}

#' @rdname formula.rlmm
#' @importFrom stats model.matrix
#' @export
model.matrix.rlmm <- function(object, type = c("fixed", "random", "randomListRaw"), ...) {
  switch(match.arg(type),
    fixed = fixed_matrix(object),
    random = getME(object, "Z"),
    randomListRaw = getME(object, "mmList")
  )
}

#' @rdname formula.rlmm
#' @importFrom stats update
#' @export
update.rlmm <- function(object, formula., ..., evaluate = TRUE) {
  if (is.null(object$call)) {
    stop_rlmm("bad_argument", "the fit was made in steps and has no call that could be updated")
  }
  changes <- match.call(expand.dots = FALSE)$...
  changed <- updated_call(object$call, changes)
  caller <- parent.frame()
  changed[[1L]] <- fitting_function(changed[[1L]], caller)
  if (!missing(formula.)) {
    changed$formula <- stats::update.formula(object$formula, formula.)
  } else if (!is_literal_formula(object$call$formula) || !is_global(object$formula)) {
    changed$formula <- object$formula
  }
  if (inherits(changed$formula, "formula")) {
    # what the formula itself needs comes first, then what the caller has
    own <- as.list(environment(object$formula), all.names = TRUE)
    environment(changed$formula) <-
      if (is_global(object$formula)) caller else list2env(own, parent = caller)
  }
  place <- if (evaluate) place_of_data(object, changes, caller) else caller
  if (!identical(place, caller)) changed$subset <- changes$subset
  if (length(object$fixed)) changed <- call("fit_constrained", changed, fixed = object$fixed)
  if (evaluate) eval(changed, place) else changed
}

# A fit does not keep its caller's data. Where their name no longer stands for data, the variables
# of the fit take their place.
place_of_data <- function(object, changes, caller) {
  name <- object$call$data
  if ("data" %in% names(changes) || !is.name(name)) return(caller)
  name <- as.character(name)
  found <- get0(name, caller)
  if (is.list(found) || is.environment(found)) return(caller)
  message("The data '", name, "' are not found: the rows and variables of the fit are used")
  list2env(stats::setNames(list(get_data.rlmm(object)), name), parent = caller)
}

is_literal_formula <- function(x) is.call(x) && identical(x[[1]], quote(`~`))

is_global <- function(formula) identical(environment(formula), globalenv())

# A fit made by a function that had rlmm() under another name is updated where that is not known.
fitting_function <- function(name, envir) {
  if (!is.name(name) || exists(as.character(name), envir, mode = "function")) return(name)
  quote(rlmm::rlmm)
}

updated_call <- function(call, changes) {
  for (name in names(changes)) call[[name]] <- changes[[name]]
  call
}
