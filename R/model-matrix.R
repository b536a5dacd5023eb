# Model matrices: of the fixed effects, and of the left sides of random-effects terms.

check_contrasts <- function(contrasts, frame) {
  if (is.null(contrasts)) return(invisible())
  if (!is.list(contrasts) || is.null(names(contrasts))) {
    stop_rlmm("contrasts", paste0("'contrasts' must be a list named by variables, as in ",
      "contrasts = list(f = \"contr.sum\")"), column = "contrasts")
  }
  unknown <- setdiff(names(contrasts), names(frame))
  if (length(unknown)) {
    stop_rlmm("contrasts", paste0("'contrasts' names ", quoted_list(unknown),
      ", which the model does not have"), column = unknown[1L])
  }
}

# The model matrix of a terms object, after a look at what it would take.
model_matrix <- function(terms, frame, contrasts) {
  check_size(terms, frame)
  variables <- variable_names(terms)
  contrasts <- contrasts[intersect(names(contrasts), variables)]
  X <- tryCatch(
    stats::model.matrix(terms, frame, if (length(contrasts)) contrasts),
    error = function(e) explain_matrix_error(e, frame[intersect(variables, names(frame))])
  )
  # products of finite columns can overflow
  if (!is.finite(sum(X)) && !all(is.finite(X))) {
    column <- colnames(X)[colSums(!is.finite(X)) > 0][1L]
    stop_rlmm("infinite", paste0("column '", column, "' of the model matrix has infinite values"),
      column = column)
  }
  X
}

explain_matrix_error <- function(e, frame) {
  is_factor <- vapply(frame, function(x) is.factor(x) || is.character(x) || is.logical(x), NA)
  for (name in names(frame)[is_factor]) {
    if (length(unique(frame[[name]])) < 2L) {
      stop_rlmm("one_level_factor", paste0("the factor '", name,
        "' has one level only in the rows that are used; leave it out of the formula"),
      column = name)
    }
  }
  stop_rlmm("evaluation", paste0("the model matrix cannot be built: ", conditionMessage(e)))
}

check_size <- function(terms, frame) {
  bytes <- 8 * nrow(frame) * column_count(terms, frame)
  limit <- getOption("rlmm.max_bytes")
  # not worth a look at the system's files
  if (is.null(limit) && bytes < 2e8) return(invisible())
  if (is.null(limit)) limit <- available_memory()
  if (bytes <= limit) return(invisible())
  widths <- column_widths(terms, frame)
  widest <- if (length(widths)) names(widths)[which.max(widths)] else "(Intercept)"
  whole <- function(x) format(x, scientific = FALSE, digits = 15)
  stop_rlmm("too_large", paste0("a model matrix of ", whole(nrow(frame)), " rows and ",
    whole(bytes / 8 / nrow(frame)), " columns would take ", whole(bytes), " bytes, and there are ",
    whole(limit), " (option 'rlmm.max_bytes'); its widest term is '", widest,
    "', which might be meant as a number, or as a random effect (1 | g)"),
  column = widest, bytes = bytes)
}

column_count <- function(terms, frame) {
  sum(column_widths(terms, frame)) + attr(terms, "intercept")
}

# Columns that each term of a model matrix takes.
column_widths <- function(terms, frame) {
  table <- attr(terms, "factors")
  if (length(table) == 0L) return(numeric())
  used <- rowSums(table) > 0
  table <- table[used, , drop = FALSE]
  columns <- frame[match(variable_names(terms)[used], names(frame))]
  levels <- vapply(columns, function(x) {
    if (is.factor(x)) nlevels(x) else if (is.character(x)) length(unique(x)) else
      if (is.logical(x)) 2L else 0L
  }, 1L)
  # in the table of factors 1 stands for contrasts, 2 for an indicator of each level
  full <- ifelse(levels > 0L, levels, vapply(columns, NCOL, 1L))
  apply(table, 2L, function(part) {
    prod(ifelse(part == 0, 1, ifelse(part == 1 & levels > 0L, levels - 1, full)))
  })
}

# Bytes of memory that can be had, Inf where the system does not say.
available_memory <- function() {
  line <- grep("^MemAvailable:", read_lines("/proc/meminfo"), value = TRUE)
  free <- if (length(line)) 1024 * as.numeric(gsub("\\D", "", line)) else Inf
  limits <- vapply(cgroup_files("memory.max"), function(file) {
    suppressWarnings(as.numeric(read_lines(file)[1L]))
  }, 0)
  min(free, limits, na.rm = TRUE)
}

variable_names <- function(terms) {
  vapply(as.list(attr(terms, "variables"))[-1L], text_of, "")
}

# Terms of the fixed effects with what is needed to evaluate them on new data.
fixed_terms <- function(object) {
  all <- attr(object$frame, "terms")
  terms <- stats::terms(fixed_formula(object$formula))
  at <- match(variable_names(terms), variable_names(all))
  attr(terms, "predvars") <- attr(all, "predvars")[c(1L, at + 1L)]
  attr(terms, "dataClasses") <- attr(all, "dataClasses")[at]
  terms
}

# The model matrix of the fixed effects, with all columns and with those that the fit kept.
full_fixed_matrix <- function(object, data = object$frame) {
  stats::model.matrix(stats::delete.response(fixed_terms(object)), data, object$contrasts)
}

fixed_matrix <- function(object, data = object$frame) {
  X <- full_fixed_matrix(object, data)
  if (length(object$dropped) == 0L) return(X)
  kept <- !colnames(X) %in% object$dropped
  structure(X[, kept, drop = FALSE],
    assign = attr(X, "assign")[kept], contrasts = attr(X, "contrasts"))
}
