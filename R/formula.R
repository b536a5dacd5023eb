# Reading a formula: its fixed part, its random-effects bars, and their grouping factors.
#
# A bar is a call `left | group` or `left || group`, in parentheses, one of the summands of the
# right side.

# A formula with an environment, from a formula, a call of `~` or a string.
as_formula <- function(formula, env) {
  if (is.character(formula)) formula <- formula_from_text(formula)
  if (!is_call_of(formula, "~")) {
    stop_rlmm("formula", paste0("'formula' must be a formula such as y ~ x + (1 | g), not ",
      "an object of class '", class(formula)[1L], "'"))
  }
  if (!inherits(formula, "formula") || is.null(environment(formula))) {
    attributes(formula) <- NULL
    formula <- structure(formula, class = "formula", .Environment = env)
  }
  formula
}

formula_from_text <- function(text) {
  text <- paste(text, collapse = " ")
  parsed <- tryCatch(str2lang(text), error = function(e) {
    stop_rlmm("formula", paste0("the formula '", text, "' cannot be read: ", malformed_part(text)),
      term = text)
  })
  parsed
}

# Why a text is no formula, for the mistakes that one makes with bars.
malformed_part <- function(text) {
  if (grepl("\\|\\s*\\)", text)) return("a random-effects term lacks its group, as in (1 | g)")
  if (grepl("\\(\\s*\\|", text)) return("a random-effects term lacks its left side, as in (1 | g)")
  if (grepl("~\\s*$", text)) return("its right side is empty")
  "it is not valid R syntax"
}

# All that rlmm_frame() needs to know of a formula.
#   response, fixed (a formula without bars), variables (a formula with everything the frame holds),
#   bars: list of bar (the call), left, terms (of the left side; NULL for the intercept alone),
#   split (TRUE for `||`) and groups
parse_formula <- function(formula, data = NULL) {
  if (length(formula) != 3L || is_empty(formula[[2L]])) {
    stop_rlmm("formula", paste0("the formula ", text_of(formula), " has no response; ",
      "write it on the left side, as in y ~ x + (1 | g)"))
  }
  bars <- lapply(find_bars(formula), parse_bar)
  if (length(bars) == 0L) {
    stop_rlmm("no_random_effects", paste0("the formula ", text_of(formula),
      " has no random-effects term such as (1 | g); for a model without one use lm()"))
  }
  if (!is.na(match(".", all.vars(formula[[3L]])))) {
    formula <- expand_dot(formula, data, unlist(lapply(bars, `[[`, "groups"), recursive = FALSE))
  }
  fixed <- fixed_formula(formula)
  list(
    formula = formula, response = formula[[2L]], fixed = fixed, bars = bars,
    variables = add_variables(fixed, bars)
  )
}

# The bars of a one- or two-sided formula, in order.
find_bars <- function(formula) bars_of_sum(formula[[length(formula)]])

bars_of_sum <- function(expr) {
  if (!is.call(expr)) return(list())
  bar <- wrapped_bar(expr)
  if (!is.null(bar)) return(list(bar))
  switch(operator(expr),
    "|" = , "||" = stop_rlmm("formula", paste0("put the random-effects term in parentheses: ",
      "... + (", bar_hint(expr), ")"), term = text_of(expr)),
    "+" = if (length(expr) == 2L) bars_of_sum(expr[[2L]]) else
      c(bars_of_sum(expr[[2L]]), bars_of_sum(expr[[3L]])),
    "-" = {
      no_bars(expr[[length(expr)]], "taken away with '-'; leave it out of the formula instead")
      if (length(expr) == 3L) bars_of_sum(expr[[2L]]) else list()
    },
    "(" = bars_of_sum(expr[[2L]]),
    "*" = , "/" = , ":" = , "^" = , "%in%" = {
      lapply(as.list(expr)[-1L], no_bars, "part of a product; it can only be added with '+'")
      list()
    },
    list()
  )
}

no_bars <- function(expr, why) {
  bars <- bars_of_sum(expr)
  if (length(bars)) {
    term <- bar_text(bars[[1L]])
    stop_rlmm("formula", paste0("the random-effects term ", term, " is ", why), term = term)
  }
}

# The bar within parentheses, or within us(), which says what is the default.
wrapped_bar <- function(expr) {
  if (length(expr) != 2L || !is_bar(expr[[2L]])) return(NULL)
  structure <- operator(expr)
  if (structure == "(" || structure == "us") return(expr[[2L]])
  if (!structure %in% c("diag", "cs", "ar1", "homdiag", "homcs", "hetar1")) return(NULL)
  stop_rlmm("formula", paste0("the covariance structure ", structure, "() of the term ",
    text_of(expr), " is not available; (x || g) gives uncorrelated effects"), term = text_of(expr))
}

# The right side without its bars, NULL when nothing is left.
without_bars <- function(expr) {
  if (!is.call(expr)) return(expr)
  if (!is.null(wrapped_bar(expr))) return(NULL)
  operator <- operator(expr)
  if (operator != "+" && operator != "-" && operator != "(") return(expr)
  left <- without_bars(expr[[2L]])
  if (length(expr) == 2L) return(if (!is.null(left)) call(operator, left))
  right <- without_bars(expr[[3L]])
  if (is.null(right)) return(left)
  if (!is.null(left)) return(call(operator, left, right))
  if (operator == "-") call("-", right) else right
}

# The formula of the fixed effects, one- or two-sided as the formula is.
fixed_formula <- function(formula) {
  right <- without_bars(formula[[length(formula)]])
  formula[[length(formula)]] <- if (is.null(right)) 1 else right
  formula
}

parse_bar <- function(bar) {
  if (length(bar) != 3L || is_empty(bar[[2L]]) || is_empty(bar[[3L]])) {
    text <- bar_text(bar)
    stop_rlmm("formula", paste0("the random-effects term ", text, " lacks its ",
      if (length(bar) != 3L || is_empty(bar[[3L]])) "group" else "left side", ", as in (1 | g)"),
    term = text)
  }
  left <- bar[[2L]]
  if (has_bar(left) || has_bar(bar[[3L]])) {
    text <- bar_text(bar)
    stop_rlmm("formula", paste0("the random-effects term ", text, " has more than one bar; write ",
      "one term for each group, as in (1 | g) + (1 | h)"), term = text)
  }
  intercept_only <- is.numeric(left) && left == 1
  list(
    bar = bar, left = left, split = operator(bar) == "||",
    terms = if (!intercept_only) left_terms(left, bar),
    groups = expand_groups(bar[[3L]], bar)
  )
}

left_terms <- function(left, bar) {
  formula <- call("~", left)
  attributes(formula) <- list(class = "formula", .Environment = globalenv())
  terms <- withCallingHandlers(stats::terms(formula), error = function(e) {
    stop_rlmm("formula", paste0("the left side of the random-effects term ", bar_text(bar),
      " cannot be read: ", conditionMessage(e)), term = bar_text(bar))
  })
  if (length(attr(terms, "term.labels")) + attr(terms, "intercept") == 0L) {
    stop_rlmm("formula", paste0("the left side of the random-effects term ", bar_text(bar),
      " has no effect in it"), term = bar_text(bar))
  }
  terms
}

# The grouping factors that the right side of a bar stands for, each a list of its name and of the
# expressions whose levels it combines: a/b is b:a and a, a*b is a, b and a:b. `bar` is for
# messages.
expand_groups <- function(expr, bar) {
  if (is.name(expr)) return(list(list(name = as.character(expr), parts = list(expr))))
  if (!is.call(expr)) {
    stop_rlmm("group", paste0("'", text_of(expr), "' in the random-effects term ", bar_text(bar),
      " is not a grouping factor; name a variable after the bar"), term = bar_text(bar))
  }
  operator <- operator(expr)
  if (operator == "(") return(expand_groups(expr[[2L]], bar))
  if (length(expr) != 3L || !operator %in% c("+", "*", "/", ":")) {
    return(list(list(name = text_of(expr), parts = list(expr))))
  }
  left <- expand_groups(expr[[2L]], bar)
  right <- expand_groups(expr[[3L]], bar)
  switch(operator,
    "+" = c(left, right),
    "*" = c(left, right, cross_groups(left, right)),
    "/" = c(cross_groups(right, finest_group(left, expr[[2L]], bar)), left),
    ":" = cross_groups(left, right)
  )
}

cross_groups <- function(left, right) {
  unlist(lapply(left, function(l) lapply(right, function(r) {
    name <- if (length(r$parts) > 1L) paste0("(", r$name, ")") else r$name
    list(name = paste0(l$name, ":", name), parts = c(l$parts, r$parts))
  })), recursive = FALSE)
}

# The group within which others are nested: of a, b and a:b the last.
finest_group <- function(groups, expr, bar) {
  if (length(groups) == 1L) return(groups)
  if (is_call_of(expr, "(") && is_call_of(expr[[2L]], "+") || is_call_of(expr, "+")) {
    stop_rlmm("formula", paste0("the random-effects term ", bar_text(bar), " nests groups within ",
      "a sum; write one term for each"), term = bar_text(bar))
  }
  groups[which.max(lengths(lapply(groups, `[[`, "parts")))]
}

# `.` stands for all columns of the data but the response and the grouping variables.
expand_dot <- function(formula, data, groups) {
  if (!is.list(data)) {
    stop_rlmm("formula", "'.' in the formula needs a data frame in 'data'", column = ".")
  }
  grouping <- unlist(lapply(groups, function(g) lapply(g$parts, all.vars)))
  columns <- setdiff(names(data), c(all.vars(formula[[2L]]), grouping))
  dot <- if (length(columns)) sum_of(lapply(columns, as.name)) else 1
  formula[[3L]] <- do.call(substitute, list(formula[[3L]], list(. = call("(", dot))))
  formula
}

# The fixed formula with the variables of the random-effects terms added: what the frame holds.
add_variables <- function(fixed, bars) {
  more <- list()
  for (bar in bars) {
    if (!is.null(bar$terms)) more <- c(more, as.list(attr(bar$terms, "variables"))[-1L])
    for (group in bar$groups) more <- c(more, group$parts)
  }
  fixed[[3L]] <- sum_of(c(fixed[[3L]], unique(more)))
  fixed
}

sum_of <- function(exprs) {
  sum <- exprs[[1L]]
  for (expr in exprs[-1L]) sum <- call("+", sum, expr)
  sum
}

operator <- function(expr) if (is.name(expr[[1L]])) as.character(expr[[1L]]) else ""

is_call_of <- function(expr, name) is.call(expr) && operator(expr) == name

is_bar <- function(expr) {
  if (!is.call(expr)) return(FALSE)
  operator <- operator(expr)
  operator == "|" || operator == "||"
}

# Is there a bar outside of function calls, where it would be a logical operator?
has_bar <- function(expr) {
  if (!is.call(expr)) return(FALSE)
  is_bar(expr) ||
    operator(expr) %in% c("(", "+", "-", "*", "/", ":", "^") &&
      any(vapply(as.list(expr)[-1L], has_bar, NA))
}

is_empty <- function(expr) is.null(expr) || is.name(expr) && !nzchar(as.character(expr))

bar_text <- function(bar) paste0("(", text_of(bar), ")")

# In `y ~ x + 1 | g` the parser gives the bar all that stands before it.
bar_hint <- function(bar) {
  left <- bar[[2L]]
  if (is_call_of(left, "+") && length(left) == 3L) bar[[2L]] <- left[[3L]]
  text_of(bar)
}

# deparse() takes long, and most of what is asked for is a name or 1.
text_of <- function(expr) {
  if (is.name(expr)) return(as.character(expr))
  if (identical(expr, 1)) return("1")
  text <- deparse(expr, 500L)
  if (length(text) == 1L) text else paste(text, collapse = " ")
}
