# Model frames for new data, with the bases and levels of the fit.

# The terms of the fit restricted to some of its variables (as text), with what is needed to
# evaluate them on new data; the response stays only when asked for.
restrict_terms <- function(all, variables, response = FALSE) {
  listed <- as.list(attr(all, "variables"))[-1L]
  names(listed) <- variable_names(all)
  y <- listed[attr(all, "response")]
  right <- unname(listed[setdiff(intersect(names(listed), variables), names(y))])
  right <- if (length(right)) sum_of(right) else 1
  formula <- as.call(c(quote(`~`), if (response) unname(y), right))
  terms <- stats::terms(stats::as.formula(formula, env = environment(all)))
  at <- match(variable_names(terms), names(listed))
  attr(terms, "predvars") <- attr(all, "predvars")[c(1L, at + 1L)]
  attr(terms, "dataClasses") <- attr(all, "dataClasses")[at]
  terms
}

# The model frame of newdata with the variables of the fixed effects and of the bars, and others
# that are asked for.
prediction_frame <- function(object, newdata, bars, random.only, na.action, also = NULL) {
  if (!is.list(newdata)) {
    stop_rlmm("newdata", paste0("'newdata' must be a data frame, not an object of class '",
      class(newdata)[1L], "'"))
  }
  newdata <- as.data.frame(newdata)
  fixed <- if (!random.only) variable_names(stats::delete.response(fixed_terms(object)))
  in_matrices <- unique(c(fixed, left_variables(bars), also))
  known <- intersect(c(in_matrices, group_variables(bars)), names(object$frame))
  terms <- restrict_terms(attr(object$frame, "terms"), known)
  frame <- evaluate_frame(terms, newdata, na.action,
    if (!random.only) argument_offset(object, newdata))
  if (nrow(frame) + length(attr(frame, "na.action")) != nrow(newdata)) {
    stop_rlmm("newdata", paste0("variables of the model that are not in 'newdata' have another ",
      "number of rows than 'newdata'"))
  }
  for (name in intersect(in_matrices, names(frame))) {
    frame[[name]] <- as_in_fit(frame[[name]], object$frame[[name]], name)
  }
  frame
}

evaluate_frame <- function(terms, newdata, na.action, offset) {
  # the offset stands in the call as a value, so that it is not looked for in newdata
  call <- as.call(c(quote(stats::model.frame.default), list(
    formula = quote(terms), data = quote(newdata), na.action = quote(na.action)
  ), if (!is.null(offset)) list(offset = offset)))
  tryCatch(eval(call), error = function(e) {
    missing <- missing_variables(as.call(as.list(attr(terms, "variables"))), newdata,
      environment(terms))
    if (length(missing)) {
      stop_rlmm("newdata", paste0("'newdata' lacks the variable ", quoted_list(missing)),
        column = missing[1L])
    }
    stop_rlmm("newdata", paste0("'newdata' cannot be used: ", conditionMessage(e)))
  })
}

# What was given as argument `offset` of the fit, for the new rows.
argument_offset <- function(object, newdata) {
  if (is.null(object$call$offset)) return(NULL)
  offset <- tryCatch(eval(object$call$offset, newdata, environment(object$formula)),
    error = function(e) NULL)
  if (is.null(offset) || !length(offset) %in% c(1L, nrow(newdata))) {
    stop_rlmm("newdata", paste0("the argument 'offset' of the fit, ", text_of(object$call$offset),
      ", has no value for the rows of 'newdata'; make it a column of 'newdata'"), column = "offset")
  }
  rep_len(as.double(offset), nrow(newdata))
}

# A variable of a model matrix, with the levels it had in the fit.
as_in_fit <- function(x, fitted, name) {
  if (is.factor(fitted) || is.character(fitted)) {
    levels <- if (is.factor(fitted)) levels(fitted) else sort(unique(fitted))
    new <- setdiff(unique(as.character(x)), c(levels, NA))
    if (length(new)) {
      stop_rlmm("new_levels", paste0("the variable '", name, "' has levels in 'newdata' that the ",
        "fit has not seen: ", quoted_list(new)), column = name, level = new)
    }
    return(factor(as.character(x), levels, ordered = is.ordered(fitted)))
  }
  if (is.numeric(fitted) && !(is.numeric(x) || is.logical(x)) || NCOL(x) != NCOL(fitted)) {
    stop_rlmm("newdata", paste0("the variable '", name, "' is ", described(fitted),
      " in the fit and ", described(x), " in 'newdata'"), column = name)
  }
  x
}

described <- function(x) {
  if (NCOL(x) > 1L) return(paste("a matrix of", NCOL(x), "columns"))
  paste0("of class '", class(x)[1L], "'")
}
