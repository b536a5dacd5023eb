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
  variables <- variable_names(terms)
  if (is_intercept_alone(terms)) return(column_of_ones(frame))
  check_size(terms, frame, variables)
  if (!is.null(contrasts)) contrasts <- contrasts[intersect(names(contrasts), variables)]
  columns <- matrix_frame(variables, frame)
  X <- withCallingHandlers(
    stats::model.matrix(terms, columns, if (length(contrasts)) contrasts),
    error = function(e) explain_matrix_error(e, frame[intersect(variables, names(frame))])
  )
  for (name in attr(columns, "polynomial")) {
    if (is.null(contrasts[[name]])) attr(X, "contrasts")[[name]] <- "contr.poly"
  }
  # products of finite columns can overflow
  if (!is.finite(sum(X)) && !all(is.finite(X))) {
    column <- colnames(X)[colSums(!is.finite(X)) > 0][1L]
    stop_rlmm("infinite", paste0("column '", column, "' of the model matrix has infinite values"),
      column = column)
  }
  X
}

# The columns that a model matrix takes, in the order and with the contrasts that model.matrix()
# would give them by slower means. Those whose polynomial contrasts stand as a matrix are in the
# attribute "polynomial".
matrix_frame <- function(variables, frame) {
  if (anyNA(match(variables, names(frame)))) return(frame)
  columns <- unclass(frame)[variables]
  defaults <- polynomial <- NULL
  for (i in seq_along(columns)) {
    x <- columns[[i]]
    if (!is.factor(x) || !is.null(attr(x, "contrasts")) || length(levels(x)) < 2L) next
    if (is.null(defaults)) defaults <- as.character(getOption("contrasts"))
    attr(columns[[i]], "contrasts") <- defaults[1L + is.ordered(x)]
    if (!is.ordered(x) || defaults[2L] != "contr.poly" || length(levels(x)) > 95L) next
    attr(columns[[i]], "contrasts") <- polynomial_contrasts(length(levels(x)))
    polynomial <- c(polynomial, variables[i])
  }
  attributes(columns) <- list(names = variables, terms = attr(frame, "terms"),
    row.names = attr(frame, "row.names"), class = "data.frame", polynomial = polynomial)
  columns
}

# Kept for the session: they take longer than the rest of a small model matrix.
polynomial_contrasts <- function(levels) {
  known <- if (length(session$polynomial) >= levels) session$polynomial[[levels]]
  if (is.null(known)) session$polynomial[[levels]] <- known <- stats::contr.poly(levels)
  known
}

is_intercept_alone <- function(terms) {
  attr(terms, "intercept") == 1L && length(attr(terms, "term.labels")) == 0L
}

# What model.matrix() gives for `~ 1`.
column_of_ones <- function(frame) {
  X <- matrix(1, nrow(frame), 1L, dimnames = list(row.names(frame), "(Intercept)"))
  attr(X, "assign") <- 0L
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

check_size <- function(terms, frame, variables) {
  limit <- getOption("rlmm.max_bytes")
  # not worth a look at the system's files, or an exact count
  if (is.null(limit) && 8 * nrow(frame) * columns_at_most(terms, frame, variables) < 2e8) {
    return(invisible())
  }
  bytes <- 8 * nrow(frame) * column_count(terms, frame)
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

# A bound that is soon found: as if all variables were in each of the terms.
columns_at_most <- function(terms, frame, variables) {
  of_one <- 1
  response <- attr(terms, "response")
  columns <- unclass(frame)[variables]
  for (i in seq_along(columns)) {
    if (i != response) of_one <- of_one * width_at_most(columns[[i]])
  }
  1 + of_one * length(attr(terms, "term.labels"))
}

width_at_most <- function(x) {
  if (is.factor(x)) nlevels(x) else if (is.logical(x)) 2 else
    if (is.character(x)) length(x) else NCOL(x)
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
  variables <- attr(terms, "variables")
  out <- character(length(variables) - 1L)
  for (i in seq_along(out)) out[i] <- text_of(variables[[i + 1L]])
  out
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
